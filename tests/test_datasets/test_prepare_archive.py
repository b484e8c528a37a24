"""Unpacking: once, never outside the folder, never half."""

import io
import tarfile
import zipfile
from collections import namedtuple

import pytest

from mmseg_plugins.datasets.prepare import archive, fetch
from mmseg_plugins.errors import UserError

FILES = {'set/a.txt': b'a' * 5000, 'set/sub/b.txt': b'b', '__MACOSX/set/._a.txt': b'junk'}


def make(path, files=FILES, link=None):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == '.zip':
        with zipfile.ZipFile(path, 'w') as file:
            for name, content in files.items():
                file.writestr(name, content)
    else:
        with tarfile.open(path, 'w:gz' if path.suffix == '.gz' else 'w') as file:
            for name, content in files.items():
                member = tarfile.TarInfo(name)
                member.size = len(content)
                file.addfile(member, io.BytesIO(content))
            if link:
                member = tarfile.TarInfo('set/link')
                member.type, member.linkname = tarfile.SYMTYPE, link
                file.addfile(member)
    return path


@pytest.mark.parametrize('name', ('set.v1.zip', 'set.v1.tar', 'set.v1.tar.gz'))
def test_unpack(tmp_path, name, monkeypatch):
    path = make(tmp_path / name)
    folder = archive.unpack(path, tmp_path / 'archives')
    assert folder == tmp_path / 'archives/set.v1'
    found = {p.relative_to(folder).as_posix() for p in folder.rglob('*') if p.is_file()}
    assert found == {'set/a.txt', 'set/sub/b.txt', archive.MARK}
    assert (folder / 'set/a.txt').read_bytes() == FILES['set/a.txt']
    with monkeypatch.context() as patch:
        patch.setattr(archive, '_unpack', None)  # nothing is unpacked a second time
        assert archive.unpack(path, tmp_path / 'archives') == folder
    make(path, {'set/c.txt': b'another archive of this name'})
    archive.unpack(path, tmp_path / 'archives')
    assert [p.name for p in (folder / 'set').iterdir()] == ['c.txt']


@pytest.mark.parametrize('name', ('set.zip', 'set.tar'))
@pytest.mark.parametrize('member', ('../evil.txt', 'set/../../evil.txt', '/evil.txt'))
def test_members_outside_are_refused(tmp_path, name, member):
    path = make(tmp_path / 'in' / name, {**FILES, member: b'evil'})
    with pytest.raises(UserError, match=': its member .*evil.txt. leaves the target') as caught:
        archive.unpack(path, tmp_path / 'out/archives')
    assert '\n' not in str(caught.value) and str(caught.value).endswith('trust this archive')
    assert not list(tmp_path.rglob('evil.txt')) and not list(tmp_path.rglob('a.txt'))


def test_a_tar_of_the_whole_folder(tmp_path):
    (tmp_path / 'in/set').mkdir(parents=True)
    (tmp_path / 'in/set/a.txt').write_text('a')
    with tarfile.open(tmp_path / 'set.tar', 'w') as file:
        file.add(tmp_path / 'in', '.')  # its first member is '.'
    folder = archive.unpack(tmp_path / 'set.tar', tmp_path / 'archives')
    assert (folder / 'set/a.txt').read_text() == 'a'


@pytest.mark.parametrize(('field', 'what'), [(6, 'is encrypted'), (8, 'method is not supported')])
def test_a_zip_that_cannot_be_read(tmp_path, field, what):
    path = make(tmp_path / 'set.zip', {'a.txt': b'a'})
    content = bytearray(path.read_bytes())
    content[field] |= 1  # flags or method, here and in the directory at the end
    content[content.rfind(b'PK\x01\x02') + field + 2] |= 1
    content[field + 1] = content[content.rfind(b'PK\x01\x02') + field + 3]
    path.write_bytes(content)
    with pytest.raises(
        UserError, match=f'set.zip: cannot be unpacked .*{what}.*; get it'
    ) as caught:
        archive.unpack(path, tmp_path / 'archives')
    assert '\n' not in str(caught.value)


@pytest.mark.parametrize('link', ('/etc/passwd', '../../../x'))
def test_links_outside_are_refused(tmp_path, link):
    path = make(tmp_path / 'set.tar', link=link)
    with pytest.raises(UserError, match="'set/link' leaves the target folder"):
        archive.unpack(path, tmp_path / 'archives')


@pytest.mark.parametrize('name', ('set.zip', 'set.tar', 'set.tar.gz'))
def test_damaged(tmp_path, name):
    path = make(tmp_path / name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UserError, match=f'{name}: cannot be unpacked .*get it again') as caught:
        archive.unpack(path, tmp_path / 'archives')
    assert '\n' not in str(caught.value)
    assert not (tmp_path / 'archives/set').exists()


def test_interruption_goes_on(tmp_path, monkeypatch):
    path = make(tmp_path / 'set.tar')

    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(archive.Path, 'rename', stop)
        archive.unpack(path, tmp_path / 'archives')
    left = []
    monkeypatch.setattr(archive.store, 'track', lambda items, _: left.extend(items) or items)
    folder = archive.unpack(path, tmp_path / 'archives')
    assert left == [] and (folder / 'set/a.txt').is_file()


def test_a_full_disk_is_told_before_writing(tmp_path, monkeypatch):
    usage = namedtuple('usage', 'total used free')
    # enough for the bytes of both files, not for the blocks that they take
    monkeypatch.setattr(fetch.shutil, 'disk_usage', lambda _: usage(9, 9, 6000))
    with pytest.raises(
        UserError, match=r'set\.part: .* unpacking set\.zip needs .* choose .*--out$'
    ):
        archive.unpack(make(tmp_path / 'set.zip'), tmp_path / 'archives')
    assert not list(tmp_path.rglob('a.txt'))


def test_sources(tmp_path):
    path = make(tmp_path / 'set.zip')
    found = archive.open_sources([tmp_path, path], tmp_path / 'data', {})
    assert found == [tmp_path, tmp_path / 'data/archives/set']
    with pytest.raises(UserError, match='set.zip has the md5 .* expected 00'):
        archive.open_sources([path], tmp_path / 'other', {'set.zip': 'md5:00'})
    with pytest.raises(UserError, match='nowhere: no such file or folder'):
        archive.open_sources([tmp_path / 'nowhere'], tmp_path, {})
    with pytest.raises(UserError, match='--source is missing'):
        archive.open_sources([], tmp_path, {})
