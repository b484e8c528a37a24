"""Tells a timeline which part of a step runs, from outside: the product holds no stopwatch."""

import functools
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from mmengine.optim import OptimWrapper
from torch import nn

from mmseg_plugins.heads import correlation_head
from mmseg_plugins.segmentors import SemiBaseSegmentor, corrmatch

from . import plain_corrmatch
from .timeline import Timeline

PASSES = ('weak pass', 'partner pass', 'joint pass', 'labelled pass', 'strong pass')
NETWORK = (*PASSES, 'backward')
APART = ('data', 'optimiser', 'EMA')  # shown, and in the step, but no overhead
# Steps of a segmentor, and functions of its parts, by the part of the time that they are.
STEPS = dict(
    add_partner='pseudo label',
    pseudo_label='pseudo label',
    mix='pseudo label',
    update_threshold='pseudo label',
    loss_sup='losses',
    loss_unsup='losses',
    parse_losses='losses',
)
PHASES = dict(forward_views='joint pass', loss_sup='labelled pass', loss_unsup='strong pass')


@contextmanager
def watching(model: nn.Module, wrapper: OptimWrapper, timeline: Timeline) -> Iterator[None]:
    """Let a timeline know the parts of a model's training steps while the context lasts.

    What no part names is ``'rest'``. Resizing logits to the image belongs to a pass, except that of
    labelled logits inside mmseg's ``loss_by_feat``, which belongs to the losses.

    Args:
        model (nn.Module): A segmentor.
        wrapper (OptimWrapper): Of its optimiser.
        timeline (Timeline): What is told.
    """
    with ExitStack() as stack:
        watch = _Watch(timeline, stack)
        watch.part(model.data_preprocessor, 'forward', 'data')
        watch.part(wrapper, 'backward', 'backward')
        watch.part(wrapper, 'step', 'optimiser')
        watch.part(wrapper, 'zero_grad', 'optimiser')
        if isinstance(model, SemiBaseSegmentor):
            watch.semi(model)
        else:
            watch.phase = 'labelled pass'
            watch.part(model, 'loss', 'losses')
            watch.part(model, 'parse_losses', 'losses')
            watch.network(model)
        yield


class _Watch:
    def __init__(self, timeline: Timeline, stack: ExitStack) -> None:
        self.timeline, self.stack = timeline, stack
        self.phase, self.views = '', {}

    def semi(self, model: SemiBaseSegmentor) -> None:
        for name, part in STEPS.items():
            if hasattr(model, name):
                self.part(model, name, part)
        for name, phase in PHASES.items():
            self._wrap(model, name, functools.partial(self._in_phase, phase))
        self._wrap(model, 'segment', self._segment)
        self.network(model.student)
        if isinstance(model, corrmatch.CorrMatch):
            for name in ('perturb', 'to_image'):
                self._wrap(model, name, self._network)
            self._wrap(model.correlation, 'forward', self._network)
            self.part(correlation_head, 'binary_maps', 'maps')
            self.part(corrmatch, 'send_regions', 'pseudo label')
            self.part(corrmatch, 'receive_regions', 'pseudo label')
        if isinstance(model, plain_corrmatch.PlainCorrMatch):
            self._wrap(model, 'propagate', self._network)
            self.part(plain_corrmatch, 'binarise_plainly', 'maps')
            self.part(plain_corrmatch, 'propagate_plainly', 'pseudo label')

    def network(self, network: nn.Module) -> None:
        self._wrap(network, 'extract_feat', self._network)
        heads = [network.decode_head]
        if network.with_auxiliary_head:
            heads.append(network.auxiliary_head)
        for head in heads:
            for one in head if isinstance(head, nn.ModuleList) else [head]:
                # a compiled module must not find a stopwatch inside
                compiled = one._compiled_call_impl is not None
                name = '_compiled_call_impl' if compiled else 'forward'
                self._wrap(one, name, self._network)

    def part(self, owner, name: str, part: str) -> None:
        def run(function, *args, **kwargs):
            with self.timeline.part(part):
                return function(*args, **kwargs)

        self._wrap(owner, name, run)

    def _network(self, function, *args, **kwargs):
        # inside of a pass everything is that pass
        name = self.timeline.current if self.timeline.current in PASSES else self.phase
        with self.timeline.part(name):
            return function(*args, **kwargs)

    def _segment(self, function, network, image):
        phase = self.phase
        if phase == 'joint pass':  # a clean pass of its own
            partner = image is self.views.get('unsup_weak_mix')
            phase = 'partner pass' if partner else 'weak pass'
        with self.timeline.part(phase):
            return function(network, image)

    def _in_phase(self, phase, function, *args, **kwargs):
        before, self.phase = self.phase, phase
        if phase == 'joint pass':
            self.views = args[0]
        try:
            return function(*args, **kwargs)
        finally:
            self.phase = before

    def _wrap(self, owner, name: str, around) -> None:
        """Replace an attribute by a call of ``around(function, ...)`` until the stack closes."""
        function, own = getattr(owner, name), vars(owner).get(name)

        @functools.wraps(function)
        def wrapped(*args, **kwargs):
            return around(function, *args, **kwargs)

        def restore() -> None:
            if own is None:
                delattr(owner, name)
            else:
                setattr(owner, name, own)

        setattr(owner, name, wrapped)
        self.stack.callback(restore)
