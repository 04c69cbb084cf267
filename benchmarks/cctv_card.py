"""The card of cctv-fight, the model that ships: what `cctv_fight.py --write` measured, and what it means."""

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["card"]

CARD = """# cctv-fight

A model for vtn-stream that gives one label to every moment of a film, and makes segments of them. It knows 1
label: fight.

## In short

- On surveillance clips of scenes that it never saw, its default point finds {default_recall} of the fights, and
  {balanced} of all clips are right when fights and others count the same. It gives {default_alarms} false
  alarms an hour in {hours} h of films without fights, with a cut every two seconds.
- `--point quiet` finds {quiet_recall} of the fights, with {quiet_alarms} false alarms an hour in the same
  films. These hours show the same {minutes} minutes of footage several times, in other orders and at other
  rates: they cannot show that a point gives less than about {least} false alarms an hour.
- What it gives in films of other kinds is in the last lines of what the benchmark printed, below.

It is an example of a linear model of change pictures. It is not an alarm system.

## How to use it

```sh
vtn-stream analyze film.mp4 --model cctv-fight
vtn-stream analyze film.mp4 --model cctv-fight --point quiet
vtn-stream evaluate ANNOTATIONS --model cctv-fight --videos DIR   # how good it is on your own films
```

## How good it is

`python benchmarks/cctv_fight.py --write cctv-fight.safetensors` made this model and printed the following. Five
models each learnt four parts of the clips and were measured on the fifth; parts share no source. Calibration,
rules and points were chosen on the other parts' predictions. How strongly weights decay, and what the model
reads, was chosen in earlier trials on the same clips, in several other foldings. A clip counts as a fight if
segments cover half of it or more. "alone": clips by themselves; "mixed 25": in films joined of clips, of 25
frames a second; "calm": in films joined of clips without fights. The films of the last lines taught and chose
nothing; whatever is drawn in them counts as a false alarm.

```
{lines}
```

## What it cannot do

- It does not reliably separate fights from fast or crowded scenes, and must not be used to watch people.
- It knows only the label above. It ignores anything else, or calls it a fight.
- It was measured on clips of about two seconds, from fixed cameras. Other cameras, places or people may give
  very different results: measure it on your own films before you rely on it.
- In these clips, fights are longer than other scenes, and some differ in rate and size. The lines above say how
  many clips these facts alone have right. The model sees half a second to each side, so it does not see how
  long a clip is. All clips were coded anew in one size for the joined films; in their own coding ("alone") such
  differences may help it.
- It sees motion as the difference of two pictures 1/8 s apart, 8 times a second. A camera that moves, a cut or
  a flash is motion too.

## What it was trained on

247 clips of 32 sources (120 fights), from Aktı et al., "Vision-based Fight Detection from Surveillance Cameras"
(2019), MIT licence: each clip by itself, and in a joined film of the clips of its part ({num_films} films,
{film_hours} h). The model does not contain them.

## How it was trained

The image network tf\\_efficientnet\\_lite0 (weights {weights}) sees 8 change pictures a second (`change-1/8`),
and not the pictures themselves: with those, unseen scenes are recognized less well. A linear model reads the
mean and the deviation of its embeddings within half a second. Nothing is random.

## Where it comes from

```sh
python benchmarks/join_clips.py cctv-fight/clips.csv joined --label fight     # the joined films, to look at
python benchmarks/cctv_fight.py --data cctv-fight --write cctv-fight.safetensors
```
"""


def card(training: Mapping[str, Any], calm_s: float, weights: str, lines: Sequence[str]) -> str:
    """training: of the checkpoint; calm_s: seconds of footage without fights, each counted once."""
    default, quiet = (training["points"][name] for name in ("default", "quiet"))
    return CARD.format(
        default_recall=f"{100 * default['recall of clips']:.0f} %",
        balanced=f"{100 * default['balanced accuracy of clips']:.0f} %",
        default_alarms=f"{default['false alarms an hour']:g}",
        hours=f"{default['hours without a fight']:g}",
        quiet_recall=f"{100 * quiet['recall of clips']:.0f} %",
        quiet_alarms=f"{quiet['false alarms an hour']:g}",
        minutes=f"{calm_s / 60:.1f}",
        least=f"{3 / (calm_s / 3600):.0f}",  # none in n hours: less than 3 / n, in 95 of 100 cases
        num_films=training["training"]["num_films"],
        film_hours=f"{training['training']['hours']:.2f}",
        weights=weights,
        lines="\n".join(lines),
    )
