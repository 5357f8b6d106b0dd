"""Evaluation: lists of videos, scores, and what evaluation servers want."""
