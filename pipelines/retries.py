"""How often a batch tries again and how long it waits: every limit, with its reason. Nothing but numbers.

    what goes wrong                          what is done, and how often                 in the end
    decoding dies on a chunk                 a new decoding process: once                the chunk is a gap (1)
    a chunk, a survey or a prediction fails  another worker tries it: MAX_ATTEMPTS       the film has failed
    its node is lost                         another worker tries it: MAX_NODES_LOST     the film has failed
    one film after the other fails           MAX_FAILED_FILMS_IN_A_ROW                   the run ends (2)
    a worker dies, hangs or loses its node   another takes its place: always             what ran on it has failed once
    workers cannot start                     another, after a pause: MAX_FAILED_STARTS   the run ends
    workers die of loading the networks      another: MAX_FAILED_LOADS                   the run ends
    there is no room for a worker            it is waited for: PATIENCE_S                the run ends
    another batch works on a chunk           it is asked for again: RUNS_BEFORE_POLL     it is stored, or free

(1) In `vtn_stream.embedding`: the worker lives on. (2) It goes on where it ended with the same command.
"""

__all__ = [
    "ANSWER_S",
    "EMBED_PER_CHUNK_S",
    "EXAMINE_S",
    "FAILED_START_PAUSE_S",
    "FOLDER_S",
    "IDLE_CHECK_S",
    "KNOCK_S",
    "LEASE_CHECK_S",
    "LEASE_WAIT_S",
    "LOAD_S",
    "MAX_ATTEMPTS",
    "MAX_FAILED_FILMS_IN_A_ROW",
    "MAX_FAILED_LOADS",
    "MAX_FAILED_STARTS",
    "MAX_NODES_LOST",
    "PATIENCE_S",
    "PREDICT_PER_FILM_S",
    "PREDICT_S",
    "PROBE_START_S",
    "ROOM_S",
    "RUNS_BEFORE_POLL",
    "START_S",
    "SURVEY_PER_BYTE_S",
    "SURVEY_S",
    "TRUSTED_S",
    "VISIBLE_S",
]

# Tries

# Of a chunk, a survey or a prediction. Each is on another worker if there is one, so that a sick worker condemns no
# film; and each may cost a worker, whose start takes as long as many chunks.
MAX_ATTEMPTS = 3
# A lost node is no film's fault: cheap machines are taken away many times a day. But a film can also take its node
# down with it, and would do so for ever.
MAX_NODES_LOST = 20
# Films that fail at the same step one after the other, none getting through it between, and not because anything was
# found to be wrong with them: it is the workers then. Each film has cost MAX_ATTEMPTS of them.
MAX_FAILED_FILMS_IN_A_ROW = 5
# Failed starts in a row that end the run: once is an accident, three times in a row is the arguments.
MAX_FAILED_STARTS = 3
FAILED_START_PAUSE_S = 1.0  # doubled with each failure in a row, 64 s at most
# Workers in a row that died of loading, while there is none that works: three times is no accident.
MAX_FAILED_LOADS = 3
# A chunk that another batch works on is done there in about the time of a run. It is asked for again when each worker
# has done as many chunks as this many runs have.
RUNS_BEFORE_POLL = 2
# The worker that asks waits for it so long, having nothing else to do: on a GPU it is done by then. On one core it
# takes a minute, and meanwhile there may be other work.
LEASE_WAIT_S, LEASE_CHECK_S = 10.0, 0.5

# How long a task may take before its worker is killed

START_S = 900.0  # of a worker: it may fetch its weights first
LOAD_S = 900.0  # weights and model may come over a slow network disk
# Twice what the worker allows its decoding process for reading a file from end to end.
SURVEY_S, SURVEY_PER_BYTE_S = 1200.0, 2e-6
# Ten times slower than the film plays. Decoding that makes no progress is ended by the worker itself, far earlier;
# this ends workers that hang.
EMBED_PER_CHUNK_S = 600.0
# As long as the film plays, and time to load the model: an hour takes seconds on a GPU, some minutes on one core.
PREDICT_S, PREDICT_PER_FILM_S = 600.0, 1.0  # PER_FILM: for each second of it

# How long something is waited for

# Room for any worker: a node that is restarted is back in one to two minutes.
PATIENCE_S = 150.0
# A worker that waits longer than this has no room: Ray starts a process in 1 to 3 s, and it imports this package,
# perhaps over a network.
ROOM_S = 15.0
IDLE_CHECK_S = 5.0  # how often an idle worker is asked whether it lives
TRUSTED_S = 1.0  # a worker that idled longer is asked before it gets a task: else a task it never saw would fail
# Answers that cost nothing, of workers and nodes that are there. Ray ends the calls to a node that fell silent after
# about 65 s, by its own checks.
ANSWER_S = 30.0
KNOCK_S = 5.0  # whether anyone listens at a cluster's address: Ray itself would try for minutes
PROBE_START_S = 30.0  # on a node: a process starts in 1 to 3 s, and imports this package, perhaps over a network
FOLDER_S = 30.0  # to write, or read, files of 30 bytes: a folder that is slower is of no use
EXAMINE_S = 300.0  # of a node: weights may be fetched first
# A file that another node has written is there at once on NFS; other shared folders may take a moment.
VISIBLE_S = 3.0
