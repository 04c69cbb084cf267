"""What reads the temporal encoder: a module a head. Tensors in, tensors out."""

from vtn_stream.model.heads.classification import ClassificationHead

__all__ = ["ClassificationHead"]
