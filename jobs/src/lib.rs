//! Runs the pipeline on a schedule, remembers each run, shows it.
