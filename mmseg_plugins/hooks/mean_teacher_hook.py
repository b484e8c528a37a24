from mmengine.hooks import Hook
from mmengine.model import ExponentialMovingAverage, is_model_wrapper
from mmseg.registry import HOOKS

from mmseg_plugins.errors import UserError


@HOOKS.register_module()
class MeanTeacherHook(Hook):
    """Moves the teacher after every optimizer step.

    The arithmetic is MMEngine's averaged model. Its module *is* the segmentor's teacher, so the
    teacher is saved, resumed and evaluated as a part of the segmentor. It tells the segmentor that
    the teacher moves (``teacher_moves``); without that, training stops at its first step.

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
        # Built now, not in the segmentor's __init__: the averaged model captures the tensors it
        # updates, and moving a module to a device replaces its buffers.
        self.ema = ExponentialMovingAverage(model.teacher, update_buffers=self.update_buffers)
        self.ema.momentum = self.momentum  # its constructor refuses 1
        # its own copy would be a third network: let it average the segmentor's teacher in place
        self.ema.module = model.teacher
        self.ema.avg_parameters = (
            model.teacher.state_dict()
            if self.update_buffers
            else dict(model.teacher.named_parameters())
        )
        # average from the first step on instead of copying the student once more
        self.ema.steps.fill_(1)
        self.student = model.student
        model.teacher_moves = True

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Move the teacher if this iteration ended in an optimizer step."""
        if runner.optim_wrapper.should_update():
            self.ema.update_parameters(self.student)
