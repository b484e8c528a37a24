"""Tell a broken image file from a whole one."""

from pathlib import Path

from PIL import Image

# What the file of a kind begins with, and what is near its end unless it was cut short.
ENDS = {b'\xff\xd8': b'\xff\xd9', b'\x89P': b'IEND'}
TAIL = 64


def looks_cut_short(path: str) -> bool:
    """Whether a JPEG or PNG file lacks its last bytes; a look at these alone.

    OpenCV decodes what is left of a file that was cut short, and fills the rest with grey.

    Args:
        path (str): The file.

    Returns:
        bool: True also for a whole file with other bytes behind the image.
    """
    with open(path, 'rb') as file:
        end = ENDS.get(file.read(2))
        file.seek(max(0, file.seek(0, 2) - TAIL))
        return end is not None and end not in file.read()


def what_is_wrong(path: str) -> str | None:
    """Decode an image file to see whether it is whole.

    Args:
        path (str): The file.

    Returns:
        str | None: What is wrong with it, in a few words; None if nothing is.

    Raises:
        OSError: If it cannot be opened or read: nothing is then known of the image.
    """
    size = len(Path(path).read_bytes())
    try:
        with Image.open(path) as image:
            image.load()
    except Exception as error:  # decoders raise almost anything
        if isinstance(error, OSError) and error.errno:
            raise
        return f'{size} bytes, {type(error).__name__}' if 'BytesIO' in str(error) else str(error)
    return None
