"""Small trainings, killed where a test wants it, and their weights as bits."""

from planted import FPS, LABELS, clips, films, small

from vtn_stream.training.events import EpochDone
from vtn_stream.training.key import key_of
from vtn_stream.training.loop import fit


def key(films, settings, labels=LABELS):
    """Of all that the weights depend on."""
    return key_of(films, ["picture"], labels, FPS, backbone="none", device="cpu") + repr(settings)


def taught(films, head="localization", *, labels=LABELS, lengths=(1.0,), state=None, on_event=None, **changes):
    settings = small(head, **changes)
    kept = None if state is None else (state, key(films, settings, labels))
    return fit(films, labels, settings, FPS, lengths=lengths, backbone="none", state=kept, on_event=on_event)


def bits(fitted):
    """All that must not depend on how often training was killed."""
    weights = {name: tensor.numpy().tobytes() for name, tensor in fitted.network.state_dict().items()}
    earlier = {
        epoch: {name: tensor.numpy().tobytes() for name, tensor in of_epoch.items()}
        for epoch, of_epoch in fitted.earlier.items()
    }
    return weights, fitted.losses, fitted.num_epochs, fitted.notes, earlier


def few(head):
    """(films to learn from, others): enough for a few steps an epoch."""
    return (clips(range(8)), clips(range(20, 23))) if head == "classification" else (films(range(3)), films([20]))


class Killed(BaseException):
    pass


def kill_after(epoch):
    def on_event(event):
        if isinstance(event, EpochDone) and event.epoch == epoch:
            raise Killed

    return on_event
