"""Small trainings, killed where a test wants it, and their weights as bits."""

from planted import FPS, LABELS, clips, films, small

from vtn_stream.training.events import EpochDone
from vtn_stream.training.loop import fit


def taught(films, validation=(), head="localization", *, labels=LABELS, state=None, on_event=None, **changes):
    settings = small(head, **changes)
    return fit(films, validation, labels, settings, FPS, backbone="none", state=state, on_event=on_event)


def bits(fitted):
    """All that must not depend on how often training was killed."""
    weights = {name: tensor.numpy().tobytes() for name, tensor in fitted.network.state_dict().items()}
    return weights, fitted.best, fitted.epoch, fitted.num_epochs, fitted.losses, fitted.metrics, fitted.notes


def few(head):
    """(training films, validation films): enough for a few steps an epoch."""
    return (clips(range(8)), clips(range(20, 23))) if head == "classification" else (films(range(3)), films([20]))


class Killed(BaseException):
    pass


def kill_after(epoch):
    def on_event(event):
        if isinstance(event, EpochDone) and event.epoch == epoch:
            raise Killed

    return on_event
