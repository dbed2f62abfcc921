"""`reticulum import`: bring in a folder of pictures, or what an older server has stored."""

from pathlib import Path

import click

from reticulum.cli.importing.found import Kind
from reticulum.cli.importing.layout import source_at
from reticulum.cli.importing.telling import Telling, report_file
from reticulum.cli.session import Session, node_options
from reticulum.model import HashName

MAX_JOBS = 64


@click.command("import", short_help="Bring in a folder, or the store of an older server.")
@click.argument(
    "folder", metavar="DIR", type=click.Path(path_type=Path, exists=True, file_okay=False)
)
@click.option(
    "--from",
    "kind_name",
    type=click.Choice([kind.value for kind in Kind]),
    help="How DIR is laid out. If this is not given, it is found out.",
)
@click.option(
    "--hash",
    "hash_name",
    type=click.Choice([name.value for name in HashName]),
    help="What ids of a tree are made with. If this is not given, the node decides.",
)
@click.option(
    "--jobs",
    "-j",
    type=click.IntRange(1, MAX_JOBS),
    default=4,
    show_default=True,
    help="Files on their way at once.",
)
@click.option("--dry-run", "-n", is_flag=True, help="Look into the files; talk with no node.")
@click.option(
    "--journal",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Note there what is done; by default in ~/.local/state/reticulum/imports.",
)
@click.option(
    "--report",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Name there every file that was not brought in, and why, as lines of JSON.",
)
@node_options
def import_images(
    session: Session,
    folder: Path,
    *,
    kind_name: str | None,
    hash_name: str | None,
    jobs: int,
    dry_run: bool,
    journal: Path | None,
    report: Path | None,
) -> int:
    """
    Bring in the images of DIR and of all folders below it, whatever their names are.

    The storage directories of thraxil/reticulum and of Apomixis are recognised. From these only
    the originals are taken, and their ids are kept: the SHA-1 that the path of a file is made of.
    A file whose bytes are not those of its id is damaged and not taken.

    What is no image is passed over, and links are not followed. What the grid has already is not
    sent again. Interrupted, the same command goes on where it stopped: what is done is noted in a
    journal, one for each folder and node.

    The exit code is 1 if a file is damaged or has failed, or if there was no image at all.

    With --json, one object a line: "path", "outcome" and "id" or "error". Outcomes are imported,
    already_there, done_before, not_an_image, link, damaged and failed. The last line has only
    "summary": how DIR is laid out, whether all of it was met, and how many files had each outcome;
    "beside" are the sizes and other files that lie beside the originals of a store.
    """
    source = source_at(folder, Kind(kind_name) if kind_name else None)
    if hash_name and source.kind is not Kind.TREE:
        raise click.UsageError(f"--hash is for trees: this is {source.kind}, with ids of its own")
    for place in (journal, report):
        if place is not None and place.resolve().is_relative_to(folder.resolve()):
            raise click.UsageError(f"{place} lies in the very folder that is brought in")

    # Only now: the rest of the commands should not wait for a database.
    from reticulum.cli.importing.running import Import  # noqa: PLC0415

    with report_file(report) as file:
        telling = Telling(session.output, file, dry_run)
        work = Import(
            source=source,
            jobs=jobs,
            hash_name=HashName(hash_name) if hash_name else None,
            journal=journal,
            output=session.output,
            telling=telling,
        )
        if not dry_run:
            return session.run(work.run)
        from reticulum.cli.running import run_reactor  # noqa: PLC0415  (slow to import)

        return run_reactor(lambda _reactor: work.run(None))
