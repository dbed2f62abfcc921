"""What a browser sees at `/`: a form to try the node with."""

from http import HTTPStatus

from reticulum import __version__
from reticulum.web.responses import Answer

_PAGE = """\
<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Reticulum</title>
<meta name="viewport" content="width=device-width, initial-scale=1"></head>
<body>
<h1>Reticulum {version}</h1>
<p>This node serves images. Upload one to get its address; then put any size into the address:
<code>/image/&lt;id&gt;/300w/name.jpg</code>.</p>
<form method="post" action="/" enctype="multipart/form-data">
{key}<p><label>Image <input type="file" name="image" accept="image/*" required></label></p>
<p><label>Sizes to make at once <input name="size_hints" placeholder="100s,300w"></label></p>
<p><button>Upload</button></p>
</form>
</body>
</html>
"""
_KEY = '<p><label>Upload key <input type="password" name="key" required></label></p>\n'


def page(*, needs_key: bool) -> Answer:
    """The page; the field `key` comes before the image so that it is known in time."""
    body = _PAGE.format(version=__version__, key=_KEY if needs_key else "").encode()
    headers = {
        b"content-type": b"text/html; charset=utf-8",
        b"cache-control": b"no-store",
        b"content-security-policy": b"default-src 'none'; form-action 'self'",
        b"x-content-type-options": b"nosniff",
    }
    return Answer(HTTPStatus.OK, body, headers)
