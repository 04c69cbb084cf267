"""How good a timeline is. Knows numpy and the timeline only."""

from vtn_stream.metrics.calibration import Reliability, reliability
from vtn_stream.metrics.classification import mean_per_class, top_k
from vtn_stream.metrics.detection import (
    ACTIVITYNET,
    EPIC,
    THUMOS14,
    ClassScores,
    DetectionScores,
    ProposalRanks,
    ProposalScores,
    average_recall,
    detection_map,
    proposal_ranks,
)
from vtn_stream.metrics.intervals import OUT_OF_FOLD, share_interval
from vtn_stream.metrics.phases import PhaseMeasure, PhaseScores, relaxed_phases, strict_phases
from vtn_stream.metrics.segmentation import (
    SegmentationCounts,
    SegmentationScores,
    labels_on_grid,
    segmentation_counts,
    segmentation_scores,
)
from vtn_stream.metrics.spotting import (
    LOOSE_S,
    SHOWN_WITHIN_S,
    TIGHT_S,
    TOLERANCES_S,
    SpotClass,
    SpotScores,
    WindowCounts,
    WindowScores,
    spot_map,
    window_counts,
    window_map,
)

__all__ = [
    "ACTIVITYNET",
    "EPIC",
    "LOOSE_S",
    "OUT_OF_FOLD",
    "SHOWN_WITHIN_S",
    "THUMOS14",
    "TIGHT_S",
    "TOLERANCES_S",
    "ClassScores",
    "DetectionScores",
    "PhaseMeasure",
    "PhaseScores",
    "ProposalRanks",
    "ProposalScores",
    "Reliability",
    "SegmentationCounts",
    "SegmentationScores",
    "SpotClass",
    "SpotScores",
    "WindowCounts",
    "WindowScores",
    "average_recall",
    "detection_map",
    "labels_on_grid",
    "mean_per_class",
    "proposal_ranks",
    "relaxed_phases",
    "reliability",
    "segmentation_counts",
    "segmentation_scores",
    "share_interval",
    "spot_map",
    "strict_phases",
    "top_k",
    "window_counts",
    "window_map",
]
