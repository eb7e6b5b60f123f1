# Formats, lints and tests, as CI does.
check: lint test

# The whole suite.
test:
    cargo test --workspace

# The vendors' own SDKs against the twins; fetches them by name into a folder outside the tree.
sdk:
    .ci/sdk

# Format and pedantic lints, warnings denied.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

# Reviews changed snapshots.
snap:
    cargo insta review

# Import, lake and calibration at 200k and 2M exchanges, beside simd-json in the same run.
# Built with wt, whose features it then shares, so that DataFusion is compiled once.
bench:
    cargo build --release -p wt -p wondertwin-bench
    "${CARGO_TARGET_DIR:-target}/release/wondertwin-bench"

# The reference of every crate.
doc:
    cargo doc --workspace --no-deps

# Long runs: 200 calibrations under 64 connections, ten minutes of load with failures on, 100000 malformed requests, 50 crashes of the observer
# and of the jobs' daemon, a month of a changing vendor, the null corpora.
soak:
    cargo bench -p wondertwin-twins --bench hot_load
    WT_SOAK=1 cargo test --release -p wondertwin-twins --test soak -- --nocapture
    WT_FUZZ_CASES=100000 cargo test --release -p wondertwin-twins --test malformed
    WT_SOAK=1 cargo test --release -p wondertwin-observer --test live -- --nocapture
    WT_SOAK=1 cargo test --release -p wt --test jobs --test month -- --nocapture
    WT_SOAK=1 cargo test --release -p wt -p wondertwin-calibrator --test null -- --nocapture
    cargo test --release -p wondertwin-models -- --include-ignored --nocapture limits
