"""ImageNet weights of the ResNet-101s that the leaves start from.

- ``resnet101-5d3b4d8f.pth``: torchvision's, known by its hash (networks of French et al.);
- ``resnet101_deepstem.pth``: the one with a stem of three convolutions (64, 64, 128 channels) that
  circulates with CPS, UniMatch and CorrMatch. No checksum is published: names, shapes and the
  number of parameters are compared, the SHA-256 of the given file is printed and recorded, and
  another file is refused from then on. It is stored under mmseg's names.

Both are files in <out>/weights, which configs name as weights://<file>.
"""

import os
import shutil
from pathlib import Path

from mmseg_plugins.checkpoints import convert_backbone, load_file, save_files, state_dict_of
from mmseg_plugins.datasets.prepare import fetch, store
from mmseg_plugins.errors import UserError

NAME = 'weights'
HELP = 'verify and store the ImageNet weights (ResNet-101, torchvision and deep stem)'
EXAMPLE = 'python tools/prepare_data.py weights --download --deepstem resnet101.pth'
BENCHMARK = None

# The V1 weights as first published; torchvision now offers them in another file.
URL = 'https://download.pytorch.org/models/resnet101-5d3b4d8f.pth'
TORCHVISION, DEEPSTEM = Path(URL).name, 'resnet101_deepstem.pth'
# torchvision puts the beginning of the SHA-256 into the name.
CHECKSUM = 'sha256:' + Path(URL).stem.partition('-')[2]
PARAMETERS = 42_623_936  # of the deep-stem backbone without its classifier

_BUFFERS = ('running_mean', 'running_var', 'num_batches_tracked')


def prepare(
    out,
    torchvision=None,
    deepstem=None,
    download: bool = False,
    force: bool = False,
    url: str = URL,
    checksum: str = CHECKSUM,
) -> bool:
    """Verify the given files and store them.

    Args:
        out (str or Path): Data root.
        torchvision (str or Path, optional): torchvision's file. Defaults to None.
        deepstem (str or Path, optional): The deep-stem file. Defaults to None.
        download (bool): Whether to fetch torchvision's file if it is not given. Defaults to False.
        force (bool): Whether to replace what is there. Defaults to False.
        url (str): Where torchvision's file is. Defaults to torchvision's own.
        checksum (str): Of torchvision's file, as for :func:`fetch.download`.

    Returns:
        bool: False if nothing was left to do.

    Raises:
        UserError: If a file is missing, damaged, another network, or differs from the one recorded.
    """
    folder = Path(out) / NAME
    has_manifest = (folder / 'manifest.json').is_file()
    held = store.read_manifest(Path(out), NAME) if has_manifest else dict(facts={}, files={})
    facts, files = {'version': 1, 'given': {}, **held['facts']}, held['files']
    if files and not force:
        store.verify(Path(out), NAME)
    given = {TORCHVISION: torchvision, DEEPSTEM: deepstem}
    if not (torchvision or deepstem or download):
        lacking = [name for name in given if f'{NAME}/{name}' not in files]
        if lacking:
            raise UserError(
                f'{folder / lacking[0]}: missing; give --torchvision FILE or --download for '
                f"{TORCHVISION}, --deepstem FILE for the resnet101.pth of UniMatch's README"
            )
    written = False
    for name, source in given.items():
        recorded, target = facts['given'].get(name), folder / name
        if source is None and name == TORCHVISION and download and (force or not recorded):
            source = target
            if force:
                target.unlink(missing_ok=True)
            fetch.download(url, target, checksum)
        if source is None:
            continue
        source = Path(source)
        if not source.is_file():
            raise UserError(f'{source}: no such file')
        sha256 = store.sha256(source)
        if recorded == sha256 and not force:
            continue
        if recorded and not force:
            raise UserError(
                f'{source}: sha256 {sha256[:12]}, but {target} was made from another file '
                f'({recorded[:12]}); use that one, or pass --force to replace it'
            )
        if name == TORCHVISION:
            fetch.check_hash(source, checksum)
            if source != target:
                _copy(source, target)
        else:
            state = convert_deepstem(source)
            folder.mkdir(parents=True, exist_ok=True)
            save_files({target: dict(state_dict=state)})
        facts['given'][name], files[f'{NAME}/{name}'] = sha256, store.sha256(target)
        store.write_manifest(Path(out), NAME, facts, files)
        print(f'{name}: sha256 {sha256} of {source.name} recorded')
        written = True
    return written


def convert_deepstem(source: Path, parameters: int = PARAMETERS) -> dict:
    """Read a deep-stem ResNet-101.

    Args:
        source (Path): The file.
        parameters (int): Its number of parameters without the classifier. Defaults to that of a
            ResNet-101.

    Returns:
        dict[str, Tensor]: Its backbone under mmseg's names.

    Raises:
        UserError: If it is another network.
    """
    state = convert_backbone(state_dict_of(load_file(source), source), source).state
    found = sum(value.numel() for name, value in state.items() if not name.endswith(_BUFFERS))
    if found != parameters:
        raise UserError(
            f'{source}: a backbone of {found:,} parameters, expected {parameters:,}; give the '
            'deep-stem ResNet-101'
        )
    return state


def _copy(source: Path, target: Path) -> None:
    """Copy a file, complete or not at all."""
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        fetch.check_room(target.parent, source.stat().st_size, source.name)
        part = target.with_name(f'{target.name}.part')
        shutil.copyfile(source, part)
        os.replace(part, target)
    except OSError as error:
        raise UserError(
            f'{target}: cannot write ({error.strerror}); make room or choose another --out'
        ) from None


def add_arguments(parser) -> None:
    """Add this subcommand's own options; those of every subcommand are in the tool."""
    parser.add_argument('--torchvision', metavar='FILE', help=TORCHVISION)
    parser.add_argument('--deepstem', metavar='FILE', help='resnet101.pth with a deep stem')
    parser.add_argument(
        '--download', action='store_true', help=f'fetch {TORCHVISION} if it is not given'
    )


def run(args) -> bool:
    """Run the subcommand; returns as :func:`prepare`."""
    return prepare(args.out, args.torchvision, args.deepstem, args.download, args.force)
