"""How good a timeline is. Knows numpy and the timeline only."""

from vtn_stream.metrics.classification import mean_per_class, top_k
from vtn_stream.metrics.detection import (
    ACTIVITYNET,
    EPIC,
    THUMOS14,
    ClassScores,
    DetectionScores,
    ProposalScores,
    average_recall,
    detection_map,
)
from vtn_stream.metrics.phases import PhaseMeasure, PhaseScores, relaxed_phases, strict_phases
from vtn_stream.metrics.segmentation import SegmentationScores, labels_on_grid, segmentation_scores
from vtn_stream.metrics.spotting import LOOSE_S, TIGHT_S, SpotClass, SpotScores, WindowScores, spot_map, window_map

__all__ = [
    "ACTIVITYNET",
    "EPIC",
    "LOOSE_S",
    "THUMOS14",
    "TIGHT_S",
    "ClassScores",
    "DetectionScores",
    "PhaseMeasure",
    "PhaseScores",
    "ProposalScores",
    "SegmentationScores",
    "SpotClass",
    "SpotScores",
    "WindowScores",
    "average_recall",
    "detection_map",
    "labels_on_grid",
    "mean_per_class",
    "relaxed_phases",
    "segmentation_scores",
    "spot_map",
    "strict_phases",
    "top_k",
    "window_map",
]
