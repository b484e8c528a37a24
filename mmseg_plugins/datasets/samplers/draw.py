class Draw(int):
    """An index that knows which draw of its stream it is, also in a loader's worker.

    Augmentation that is seeded by it is the same however the batch is spread over ranks, workers
    and restarts.

    Attributes:
        seed (int): Seed of the sampler.
        stream (int): Number of the stream.
        number (int): Images that all ranks drew from the stream before this one.
    """

    seed: int
    stream: int
    number: int

    @classmethod
    def of(cls, index: int, seed: int, stream: int, number: int) -> 'Draw':
        """Make one; the constructor takes the index alone, as pickle needs it."""
        draw = cls(index)
        draw.seed, draw.stream, draw.number = seed, stream, number
        return draw
