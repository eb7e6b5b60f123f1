//! Time to import Stripe's description (4.2 MB of YAML, 468 operations, 819 schemas), which the
//! docs promise in less than two seconds; and to write and read it again as OpenAPI 3.1.

#![expect(clippy::print_stdout, reason = "a bench prints its result")]

use std::path::Path;
use std::time::Instant;

use models::{Digest, openapi};

fn main() {
    let file =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/vendors/stripe/openapi-v525.yaml.gz");
    let Ok(bytes) = std::fs::read(Path::new(file)) else {
        println!("import_openapi_stripe_4MB: skipped, {file} is not there");
        return;
    };
    for _ in 0..3 {
        let start = Instant::now();
        let imported = openapi::import("stripe", &bytes, file).expect("Stripe's document imports");
        let import = start.elapsed();

        let start = Instant::now();
        let text = openapi::export(&imported.model).to_string();
        let export = start.elapsed();

        let start = Instant::now();
        let again = openapi::import("stripe", text.as_bytes(), "exported").expect("it comes back");
        let json = start.elapsed();
        assert_eq!(Digest::of(&again.model), Digest::of(&imported.model));
        println!(
            "import_openapi_stripe_4MB: yaml.gz {import:.0?}, export {export:.0?}, json {json:.0?}"
        );
    }
}
