"""The run folder: settings, history, results, models, and who was trained on."""
