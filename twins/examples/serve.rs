//! Serves a twin's folder, or one of the catalog, without the command line: for work on the
//! runtime itself, which builds in a fraction of the time `wt` takes.
//!
//! `cargo run -p wondertwin-twins --example serve -- FOLDER|NAME [--port P] [--seed N] [--missing materialize]`

use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use models::Model;
use models::behaviour::Behaviour;
use twins::catalog::Entry;
use twins::{Follow, Missing, TwinConfig};

fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().ok_or("which twin? a folder, or a name of the catalog")?;
    let (model, behaviour) = read(&place)?;
    let mut config = TwinConfig {
        webhooks: twins::WebhookConfig {
            declared: behaviour.document.webhooks.clone(),
            ..twins::WebhookConfig::default()
        },
        chaos: behaviour.chaos,
        document: behaviour.document,
        routes: behaviour.routes,
        machines: behaviour.machines,
        scripts: behaviour.scripts,
        ..TwinConfig::new(model.name.clone())
    };
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} wants a value"))?;
        match &*name {
            "--port" => {
                config.listen = SocketAddr::from((Ipv4Addr::LOCALHOST, value.parse::<u16>()?));
            }
            "--seed" => config.seed = value.parse()?,
            "--missing" if value == "materialize" => config.missing = Missing::Materialize,
            _ => return Err(format!("{name} {value} is not known").into()),
        }
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let running = twins::serve(model, Follow::Frozen, config, std::future::pending()).await?;
        running.handle.await?;
        Ok(())
    })
}

/// Model and documents of a folder, else of the catalog.
fn read(place: &str) -> Result<(Model, Behaviour), Box<dyn Error>> {
    let folder = Path::new(place);
    if !folder.is_dir() {
        let entry = Entry::named(place).ok_or_else(|| format!("there is no {place}"))?;
        return Ok((entry.model()?, entry.behaviour()?));
    }
    let plain = folder.join("model/symbols.json");
    let model = if plain.exists() {
        Model::load(&plain)?
    } else {
        let file = folder.join("model/symbols.json.gz");
        let mut text = Vec::new();
        let packed = std::fs::File::open(&file)?;
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(packed), &mut text)?;
        Model::from_bytes(&text, &file.display().to_string())?
    };
    Ok((model, Behaviour::load(folder)?))
}
