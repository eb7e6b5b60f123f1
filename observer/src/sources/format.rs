//! Which format a file has, told from its first bytes.

use std::path::Path;

use super::fault::OpenError;
use super::json::Cursor;

/// A format that can be read. Each also comes packed with gzip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// HAR 1.2, one JSON document.
    Har,
    /// A HAR entry on each line.
    Ndjson,
    /// A cassette of Ruby's VCR, Python's vcrpy or Betamax, as JSON.
    VcrJson,
    /// The same as YAML.
    VcrYaml,
}

/// Unpacked bytes that are looked at: enough for several lines of most logs.
pub(super) const SNIFF_BYTES: usize = 128 * 1024;

/// Tells the format from the file's first unpacked bytes, or else from its name.
pub(super) fn tell(path: &Path, head: &[u8]) -> Result<Format, OpenError> {
    if head.trim_ascii().is_empty() {
        return Err(OpenError::Empty { path: path.to_owned() });
    }
    let unknown = |found| Err(OpenError::Unknown { path: path.to_owned(), found });
    match kind(head) {
        Some(Kind::Source(format)) => Ok(format),
        Some(Kind::OpenApi) => Err(OpenError::OpenApi { path: path.to_owned() }),
        None if head.contains(&0) => unknown("binary data"),
        None => match by_name(path, head) {
            Some(format) => Ok(format),
            None if !is_text(head) => unknown("binary data"),
            None if head.trim_ascii_start().starts_with(b"{") => unknown("other JSON"),
            None => unknown("other text"),
        },
    }
}

enum Kind {
    Source(Format),
    OpenApi,
}

fn kind(head: &[u8]) -> Option<Kind> {
    let json = json_kind(head);
    if json.is_some() {
        return json;
    }
    // A log whose first lines are damaged is still a log.
    for line in head.split(|byte| *byte == b'\n') {
        let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
        match name {
            b"http_interactions" | b"interactions" if name.len() < line.len() => {
                return Some(Kind::Source(Format::VcrYaml));
            }
            b"openapi" | b"swagger" if name.len() < line.len() => return Some(Kind::OpenApi),
            _ => {}
        }
        if let Some(Kind::Source(Format::Ndjson)) = json_kind(line) {
            return Some(Kind::Source(Format::Ndjson));
        }
    }
    None
}

/// The kind of a JSON object, from those of its keys that are at hand.
fn json_kind(head: &[u8]) -> Option<Kind> {
    let mut cursor = Cursor::new(valid_part(head));
    cursor.expect(b'{', "an object").ok()?;
    let mut first = true;
    while let Ok(Some(key)) = cursor.key(&mut first) {
        match &*key {
            "log" if cursor.peek() == Some(b'{') => return Some(Kind::Source(Format::Har)),
            "startedDateTime" | "request" | "response" => {
                return Some(Kind::Source(Format::Ndjson));
            }
            "http_interactions" | "interactions" => return Some(Kind::Source(Format::VcrJson)),
            "openapi" | "swagger" => return Some(Kind::OpenApi),
            _ => {}
        }
        if cursor.skip().is_err() {
            break;
        }
    }
    None
}

fn by_name(path: &Path, head: &[u8]) -> Option<Format> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let name = name.strip_suffix(".gz").unwrap_or(&name);
    let object = head.trim_ascii_start().starts_with(b"{");
    match name.rsplit_once('.')?.1 {
        "har" if object => Some(Format::Har),
        "ndjson" | "jsonl" => Some(Format::Ndjson),
        _ => None,
    }
}

fn is_text(head: &[u8]) -> bool {
    // The head may end within a character.
    head.len() - valid_part(head).len() < 4
}

fn valid_part(head: &[u8]) -> &str {
    match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str, head: &str) -> Result<Format, String> {
        tell(Path::new(name), head.as_bytes()).map_err(|error| error.to_string())
    }

    #[test]
    fn content_comes_before_the_name() {
        assert_eq!(told("a.txt", "\n {\"log\": {\"entries\""), Ok(Format::Har));
        assert_eq!(told("a.har", "{\"_kind\":\"webhook\",\"request\":{"), Ok(Format::Ndjson));
        assert_eq!(told("a.ndjson", "{\"http_interactions\":["), Ok(Format::VcrJson));
        assert_eq!(told("a.json", "---\nhttp_interactions:\n- request:"), Ok(Format::VcrYaml));
        assert_eq!(told("a", "version: 1\ninteractions:\n- request:"), Ok(Format::VcrYaml));
    }

    #[test]
    fn a_log_with_a_damaged_first_line_is_a_log() {
        assert_eq!(told("a.log", "{\"oops\n{\"request\":{}}\n"), Ok(Format::Ndjson));
        assert_eq!(told("a.ndjson.gz", "oops"), Ok(Format::Ndjson));
    }

    #[test]
    fn what_is_no_source_is_named() {
        for (name, head, said) in [
            ("a.json", "{\"info\":{},\"openapi\":\"3.1.0\"}", "a.json: is an OpenAPI document"),
            ("a.yaml", "openapi: 3.0.0\ninfo:\n", "a.yaml: is an OpenAPI document"),
            ("a.json", "{\"a\":1}", "a.json: holds other JSON"),
            ("a.txt", "hello", "a.txt: holds other text"),
            ("a.har", "PK\u{3}\u{4}\0\0", "a.har: holds binary data"),
            ("a.har", " \n", "a.har: is empty"),
        ] {
            let message = told(name, head).unwrap_err();
            assert!(message.starts_with(said), "{message}");
            assert!(message.contains("HAR 1.2, NDJSON of HAR entries or a VCR"), "{message}");
        }
    }
}
