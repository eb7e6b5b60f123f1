//! dev only
use models::Model;
use observer::{
    import::{Strictness, import},
    intake::{Disclosure, Intake},
    key::LakeKey,
    lake::Lake,
};
use std::path::Path;
use std::sync::Arc;
#[tokio::main]
async fn main() {
    let case = std::env::args().nth(1).unwrap();
    let mode = std::env::args().nth(2).unwrap();
    let case = Path::new(&case);
    let tmp = std::env::temp_dir().join(format!("drift-{}-{}", std::process::id(), mode));
    let lake = Lake::open(&tmp.join("lake")).unwrap();
    let key = LakeKey::new([7; 16]);
    let t0 = std::time::Instant::now();
    let (model, before) = if mode == "spec" {
        let bytes = std::fs::read(case.join("model.openapi.json")).unwrap();
        (models::openapi::import("bench", &bytes, "model.openapi.json").unwrap().model, None)
    } else {
        let first = {
            use std::io::BufRead;
            let f = flate2::read::GzDecoder::new(
                std::fs::File::open(case.join("baseline.ndjson.gz")).unwrap(),
            );
            let line = std::io::BufReader::new(f).lines().nth(1).unwrap().unwrap();
            let v: serde_json::Value = serde_json::from_str(&line).unwrap();
            let u = v["request"]["url"].as_str().unwrap().to_owned();
            u.splitn(4, '/').take(3).collect::<Vec<_>>().join("/")
        };
        let base = Model::empty("bench", first);
        let blake = Lake::open(&tmp.join("baseline")).unwrap();
        let mut intake = Intake::new(Arc::new(base.clone()), key.clone(), Disclosure::RECORDING);
        let imported = import(
            &blake,
            "bench",
            &mut intake,
            &case.join("baseline.ndjson.gz"),
            Strictness::Lenient,
            &mut |_| (),
        )
        .unwrap();
        eprintln!("baseline {} rows", imported.segment.exchanges);
        let (model, evidence) = calibrator::synthesise(&blake, "bench", base).await.unwrap();
        (model, Some(evidence))
    };
    eprintln!("model {} routes {:?}", model.routes.len(), t0.elapsed());
    if std::env::var("MODEL").is_ok() {
        std::fs::write("/tmp/model.json", serde_json::to_string_pretty(&model).unwrap()).unwrap();
    }
    let mut intake = Intake::new(Arc::new(model.clone()), key, Disclosure::PRODUCTION);
    let imported = import(
        &lake,
        "bench",
        &mut intake,
        &case.join("observed.ndjson.gz"),
        Strictness::Lenient,
        &mut |_| (),
    )
    .unwrap();
    eprintln!(
        "imported {} {:?} {:?}",
        imported.segment.exchanges,
        imported.segment.skipped,
        t0.elapsed()
    );
    let analysis =
        calibrator::analyse(&lake, "bench", &model, before.as_ref(), i64::MIN, &Default::default())
            .await
            .unwrap();
    eprintln!("analysed {:?}", t0.elapsed());
    println!("{}", serde_json::to_string(&analysis.drift).unwrap());
    std::fs::remove_dir_all(&tmp).ok();
}
