"""Downloads resume, are verified and appear complete or not at all."""

import hashlib
import io
import threading
import zipfile
from collections import namedtuple
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from mmseg_plugins.datasets.prepare import fetch
from mmseg_plugins.errors import UserError

BODY = bytes(range(256)) * 4000
PACKED = io.BytesIO()
with zipfile.ZipFile(PACKED, 'w') as file:
    file.writestr('a.txt', b'a' * 1000)
ZIP = PACKED.getvalue()
SHA256 = f'sha256:{hashlib.sha256(BODY).hexdigest()}'


@pytest.fixture
def server():
    """A server of BODY; ``ranges`` switches resuming, ``most`` is where it breaks off."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.server.asked.append(self.headers.get('Range'))
            if self.path != '/file':
                return self.send_error(404)
            begin = int((self.headers.get('Range') or 'bytes=0-')[6:-1])
            begin = begin if self.server.ranges else 0
            if begin >= len(BODY):
                return self.send_error(416)
            self.send_response(206 if begin else 200)
            self.send_header('Content-Length', str(len(BODY) - begin))
            self.end_headers()
            self.wfile.write(BODY[begin : self.server.most])

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(('127.0.0.1', 0), Handler)
    server.ranges, server.most, server.asked = True, len(BODY), []
    server.url = f'http://127.0.0.1:{server.server_port}/file'
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def test_download(server, tmp_path):
    path = fetch.download(server.url, tmp_path / 'new/file', SHA256)
    assert path.read_bytes() == BODY
    fetch.download(server.url, path, SHA256)
    assert server.asked == [None] and list(path.parent.iterdir()) == [path]
    assert fetch.read_bytes(server.url) == BODY


def test_interruption_resumes(server, tmp_path):
    server.most = 300_000
    with pytest.raises(UserError, match='broke off at 300000 of 1024000 bytes; run again'):
        fetch.download(server.url, tmp_path / 'file', SHA256)
    assert not (tmp_path / 'file').exists()
    server.most = len(BODY)
    assert fetch.download(server.url, tmp_path / 'file', SHA256).read_bytes() == BODY
    assert server.asked == [None, 'bytes=300000-']


def test_a_server_that_cannot_resume(server, tmp_path):
    server.ranges = False
    (tmp_path / 'file.part').write_bytes(b'x' * 500)
    assert fetch.download(server.url, tmp_path / 'file', SHA256).read_bytes() == BODY


def test_a_complete_part(server, tmp_path):
    (tmp_path / 'file.part').write_bytes(BODY)
    assert fetch.download(server.url, tmp_path / 'file', SHA256).read_bytes() == BODY
    assert server.asked == [f'bytes={len(BODY)}-', None]


def test_corruption_is_discarded(server, tmp_path):
    (tmp_path / 'file.part').write_bytes(b'x' * 500)
    with pytest.raises(UserError, match='the download has the sha256 .*expected .*get it again'):
        fetch.download(server.url, tmp_path / 'file', SHA256)
    assert not list(tmp_path.iterdir())
    assert fetch.download(server.url, tmp_path / 'file', SHA256).read_bytes() == BODY


@pytest.mark.parametrize('damage', [lambda c: c.replace(b'aaa', b'aba', 1), lambda _: b'<html>'])
def test_a_damaged_zip_without_known_checksum_is_discarded(server, tmp_path, monkeypatch, damage):
    monkeypatch.setitem(globals(), 'BODY', damage(ZIP))
    server.most = None
    with pytest.raises(UserError, match=r'the download is damaged \(.*\); run again') as caught:
        fetch.download(server.url, tmp_path / 'set.zip')
    assert '\n' not in str(caught.value) and not list(tmp_path.iterdir())
    monkeypatch.setitem(globals(), 'BODY', ZIP)
    assert fetch.download(server.url, tmp_path / 'set.zip').read_bytes() == ZIP


def test_a_full_disk_is_told_before_writing(server, tmp_path, monkeypatch):
    usage = namedtuple('usage', 'total used free')
    monkeypatch.setattr(fetch.shutil, 'disk_usage', lambda _: usage(9, 9, 1000))
    with pytest.raises(UserError, match='0.00 GB free, .* needs 0.00 GB; make room'):
        fetch.download(server.url, tmp_path / 'file')
    assert not list(tmp_path.iterdir())


def test_unreachable(server, tmp_path):
    with pytest.raises(UserError, match='/other: cannot be fetched .404 Not Found.*elsewhere'):
        fetch.download(server.url.replace('/file', '/other'), tmp_path / 'file')
    with pytest.raises(UserError, match=r'127\.0\.0\.1:9/x: cannot be fetched .*--mirror'):
        fetch.read_bytes('http://127.0.0.1:9/x')


def test_another_file_under_the_name(tmp_path):
    (tmp_path / 'file').write_bytes(b'other')
    with pytest.raises(UserError, match='file has the md5 .* expected abc'):
        fetch.download('http://127.0.0.1:9/x', tmp_path / 'file', 'md5:abc')
    assert (tmp_path / 'file').read_bytes() == b'other'
