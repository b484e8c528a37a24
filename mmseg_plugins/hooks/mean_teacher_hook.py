import torch
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmseg.registry import HOOKS

from mmseg_plugins.errors import UserError


@HOOKS.register_module()
class MeanTeacherHook(Hook):
    """Moves the teacher after every optimizer step.

    The arithmetic is that of MMEngine's ``ExponentialMovingAverage``, bit for bit, but over all
    tensors at once: a GPU gets a few launches instead of hundreds. The teacher is a part of the
    segmentor, which saves, resumes and evaluates it. The hook tells the segmentor that the teacher
    moves (``teacher_moves``); without that, training stops at its first step.

    Source: French et al., specification 1.1: 0.99 over every float tensor, batch norm statistics
    included.

    Args:
        momentum (float): Weight of the *new* value, in (0, 1]. Defaults to 0.01.
        update_buffers (bool): Average buffers too; if False they are copied. Defaults to True.

    Raises:
        UserError: If the momentum is out of range or the model has no teacher.
    """

    priority = 'NORMAL'

    def __init__(self, momentum: float = 0.01, update_buffers: bool = True) -> None:
        if not 0 < momentum <= 1:
            raise UserError(
                f'MeanTeacherHook: momentum={momentum} is not in (0, 1]; it is the weight of the '
                'new value, e.g. 0.01'
            )
        self.momentum = momentum
        self.update_buffers = update_buffers

    def before_train(self, runner) -> None:
        """Start the teacher as a copy of the student, unless training resumes."""
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        if getattr(model, 'teacher', None) is None:
            raise UserError(
                f'MeanTeacherHook: {type(model).__name__} has no teacher; remove the hook or '
                'build the segmentor with one'
            )
        if runner.iter == 0:
            model.teacher.load_state_dict(model.student.state_dict())
        # Collected now, not in the segmentor's __init__: moving a module to a device replaces its
        # buffers.
        teacher, student = (
            network.state_dict(keep_vars=True)
            if self.update_buffers
            else dict(network.named_parameters())
            for network in (model.teacher, model.student)
        )
        moved = [name for name, mean in teacher.items() if mean.is_floating_point()]
        self.means = [teacher[name] for name in moved]
        self.news = [student[name] for name in moved]
        self.copies = [] if self.update_buffers else list(model.teacher.buffers())
        self.originals = [] if self.update_buffers else list(model.student.buffers())
        model.teacher_moves = True

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Move the teacher if this iteration ended in an optimizer step."""
        if not runner.optim_wrapper.should_update():
            return
        with torch.no_grad():
            torch._foreach_lerp_(self.means, self.news, self.momentum)
            if self.copies:
                torch._foreach_copy_(self.copies, self.originals)
