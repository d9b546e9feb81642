"""The report on a run: one HTML file that needs nothing else."""

from tfnxc.report.page import report_page, write_report
from tfnxc.report.pictures import Pictures

__all__ = ["Pictures", "report_page", "write_report"]
