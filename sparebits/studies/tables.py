"""Which tables of a network each study's section of the page tells, so that workflow and page agree."""

STUDY_TABLES = {
    "batch_sizes": ["study_batch_sizes", "study_batch_sizes_trend", "study_batch_sizes_held"],
    "layers": ["study_layers", "study_layers_comparisons"],
    "positions": ["study_positions", "study_positions_curves", "study_positions_tests"],
    "neurons": ["study_neurons", "study_neurons_comparisons"],
    "persistence": ["study_persistence", "study_persistence_break_even"],
    "replication": ["study_replication"],
    "formats": ["study_formats", "study_formats_choices", "study_formats_growth", "study_formats_protection"],
}
"""By study, in the order of the page: names of files below results/NETWORK, without .csv."""
