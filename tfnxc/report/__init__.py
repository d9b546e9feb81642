"""The report on a run: one HTML file that needs nothing else."""

from tfnxc.report.page import report_page
from tfnxc.report.pictures import Pictures
from tfnxc.report.write import write_report

__all__ = ["Pictures", "report_page", "write_report"]
