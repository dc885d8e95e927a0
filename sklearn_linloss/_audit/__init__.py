"""Certificates of any model of one of the objectives, and what they say."""

from ._making import Case, certify_case
from ._result import Certificate, Optimum

__all__ = ["Case", "Certificate", "Optimum", "certify_case"]
