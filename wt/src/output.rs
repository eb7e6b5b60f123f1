//! Where results and talk go.

use std::io::{self, IsTerminal as _, Write};
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

/// What results are written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// One document on stdout.
    Json,
    /// Markdown, of reports alone, as all that follow.
    Md,
    /// One file for a browser.
    Html,
    /// SARIF 2.1.0.
    Sarif,
    /// An Overlay to the twin's OpenAPI description.
    Overlay,
    /// The OpenAPI description before and after.
    OpenapiDiff,
    /// The AsyncAPI description of the webhooks before and after.
    AsyncapiDiff,
}

impl Format {
    /// Reads one of the given names.
    pub(crate) fn parser(names: &'static [&'static str]) -> impl TypedValueParser<Value = Self> {
        PossibleValuesParser::new(names).map(|name| match name.as_str() {
            "json" => Self::Json,
            "md" => Self::Md,
            "html" => Self::Html,
            "sarif" => Self::Sarif,
            "overlay" => Self::Overlay,
            "openapi-diff" => Self::OpenapiDiff,
            "asyncapi-diff" => Self::AsyncapiDiff,
            _ => Self::Text,
        })
    }
}

/// Results go to stdout, talk to stderr.
pub(crate) struct Output {
    format: Format,
    stdout: Box<dyn Write>,
    stderr: Box<dyn Write>,
    /// For progress bars; off where stderr is no terminal.
    progress: bool,
    colour: bool,
    width: usize,
}

impl Output {
    /// The process's own streams.
    pub(crate) fn of_process(format: Format) -> Self {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let plain = set("NO_COLOR").is_some() || set("TERM").as_deref() == Some("dumb");
        Self {
            format,
            progress: io::stderr().is_terminal(),
            colour: io::stdout().is_terminal() && !plain,
            width: set("COLUMNS").and_then(|columns| columns.parse().ok()).unwrap_or(100),
            stdout: Box::new(io::stdout()),
            stderr: Box::new(io::stderr()),
        }
    }

    /// For reports on stdout.
    pub(crate) fn text_options(&self) -> reports::TextOptions {
        reports::TextOptions { colour: self.colour, width: self.width }
    }

    /// Writes a result: the text with a newline at its end, or the document where JSON was asked for.
    pub(crate) fn result(
        &mut self,
        text: impl FnOnce() -> String,
        document: &impl Serialize,
    ) -> anyhow::Result<()> {
        let text = match self.format {
            Format::Json => serde_json::to_string_pretty(document)?,
            _ => text(),
        };
        self.print(&text)
    }

    /// Writes text to stdout, with a newline at its end.
    pub(crate) fn print(&mut self, text: &str) -> anyhow::Result<()> {
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        write!(self.stdout, "{text}{end}")?;
        Ok(self.stdout.flush()?)
    }

    /// Writes a line to stderr. Talk that nobody can read stops no command.
    pub(crate) fn say(&mut self, text: &str) {
        let _ = writeln!(self.stderr, "{text}");
    }

    /// Writes a line to stderr that asks for attention.
    pub(crate) fn warn(&mut self, text: &str) {
        self.say(&format!("warning: {text}"));
    }

    /// A bar of bytes read; hidden unless stderr is a terminal.
    pub(crate) fn progress_of_bytes(&self, what: &str) -> ProgressBar {
        self.bar("{msg} [{bar:32}] {bytes} of {total_bytes}", what)
    }

    /// A line that shows that something is going on; hidden unless stderr is a terminal. Change
    /// what it says with `set_message`.
    pub(crate) fn progress_of_steps(&self, what: &str) -> ProgressBar {
        let bar = self.bar("{spinner} {msg}", what);
        bar.enable_steady_tick(Duration::from_millis(120));
        bar
    }

    fn bar(&self, template: &str, what: &str) -> ProgressBar {
        let target =
            if self.progress { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let style = ProgressStyle::with_template(template).expect("our templates are sound");
        ProgressBar::with_draw_target(None, target).with_style(style).with_message(what.to_owned())
    }
}
