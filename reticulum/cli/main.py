"""The `reticulum` command itself: its sub-commands, and how a run of it ends."""

import os
import sys
from collections.abc import Sequence

import click

from reticulum import __version__
from reticulum.cli.demo.command import demo
from reticulum.cli.dht import dht
from reticulum.cli.get import get
from reticulum.cli.grid import grid
from reticulum.cli.import_images import import_images
from reticulum.cli.info import info
from reticulum.cli.init import init
from reticulum.cli.invite import invite
from reticulum.cli.node_command import node
from reticulum.cli.output import clean
from reticulum.cli.put import put
from reticulum.cli.rm import rm
from reticulum.cli.status import status
from reticulum.cli.verify import verify
from reticulum.errors import ReticulumError

DONE, FAILED, MISUSED, INTERRUPTED = 0, 1, 2, 130


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="reticulum")
def reticulum() -> None:
    """
    Put images into a Reticulum grid, and get them out in any size.

    A node is started with 'twistd -n reticulum'. Exit codes: 0 done, 1 failed, 2 misused.
    """


for _command in (
    init,
    invite,
    demo,
    put,
    import_images,
    get,
    info,
    rm,
    status,
    verify,
    node,
    grid,
    dht,
):
    reticulum.add_command(_command)


def run(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command.

    Args:
        arguments: Without the command's own name; None for those of the process.

    Returns:
        The exit code.
    """
    try:
        code = reticulum.main(arguments, prog_name="reticulum", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        return MISUSED
    except click.ClickException as error:
        error.show()
        return FAILED
    except ReticulumError as error:
        sys.stderr.write(f"reticulum: {clean(str(error))}\n")
        return FAILED
    except (click.Abort, KeyboardInterrupt):
        sys.stderr.write("reticulum: interrupted\n")
        return INTERRUPTED
    except OSError as error:
        # Files have their own words by now, so this is our output.
        if not isinstance(error, BrokenPipeError):
            sys.stderr.write(f"reticulum: can't write the results: {error.strerror}\n")
        # The interpreter must not try to flush it once more at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED
    return code if isinstance(code, int) else DONE


def main() -> None:
    """Run the command as a process of its own."""
    sys.exit(run())


if __name__ == "__main__":
    main()
