"""Certificates of any model of one of the objectives, and what they say."""

from ._making import RULES, Case, certify_case
from ._result import Certificate, Optimum

__all__ = ["RULES", "Case", "Certificate", "Optimum", "certify_case"]
