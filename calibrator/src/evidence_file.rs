//! Evidence on disk: `model/evidence.parquet`, one row a fact.

use std::path::Path;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, Float64Array, RecordBatch, StringArray, TimestampMicrosecondArray, UInt16Array,
    UInt64Array,
};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use models::{Class, Place, Surface};
use observer::lake::path;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::basic::{Compression, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::WriterProperties;

use crate::evidence::{Evidence, FieldEvidence, Seen, Silent, Span, Token, TokenSeen};
use crate::observe::Rows;

/// The format's name and version, in the file's metadata under [`FORMAT_KEY`].
const FORMAT: &str = "wondertwin.evidence/1";
const FORMAT_KEY: &str = "wondertwin.format";

/// Why evidence could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// The file could not be opened, written or moved into place.
    #[error("the evidence {file} cannot be read or written")]
    Io {
        /// The file.
        file: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is not Parquet, or cut off.
    #[error(
        "the evidence {file} is not a Parquet file; remove it and run `wt synth` again, or calibrate without it"
    )]
    Parquet {
        /// The file.
        file: String,
        /// What the reader said.
        source: ParquetError,
    },
    /// The file is Parquet of something else.
    #[error("the evidence {file} is not of the format {FORMAT}")]
    Format {
        /// The file.
        file: String,
    },
}

/// Writes evidence, replacing the file at once and whole.
///
/// # Errors
///
/// Where the folder cannot be written; the file is then as it was.
pub fn write(evidence: &Evidence, file: &Path) -> Result<(), EvidenceError> {
    let name = || file.display().to_string();
    let parquet = |source| EvidenceError::Parquet { file: name(), source };
    let io = |source| EvidenceError::Io { file: name(), source };
    let batch = Facts::of(evidence).batch();
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_key_value_metadata(Some(vec![KeyValue::new(FORMAT_KEY.to_owned(), FORMAT.to_owned())]))
        .build();
    let mut writer =
        ArrowWriter::try_new(Vec::new(), schema(), Some(properties)).map_err(parquet)?;
    writer.write(&batch).map_err(parquet)?;
    let bytes = writer.into_inner().map_err(parquet)?;
    let temporary = file.with_extension("parquet.new");
    std::fs::write(&temporary, bytes).map_err(io)?;
    std::fs::File::open(&temporary).and_then(|file| file.sync_all()).map_err(io)?;
    std::fs::rename(&temporary, file).map_err(io)
}

/// Reads evidence; `None` where there is no file.
///
/// # Errors
///
/// Where the file is not evidence.
pub fn read(file: &Path) -> Result<Option<Evidence>, EvidenceError> {
    let name = || file.display().to_string();
    let parquet = |source| EvidenceError::Parquet { file: name(), source };
    let opened = match std::fs::File::open(file) {
        Ok(opened) => opened,
        Err(missing) if missing.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(EvidenceError::Io { file: name(), source }),
    };
    let builder = ParquetRecordBatchReaderBuilder::try_new(opened).map_err(parquet)?;
    let metadata = builder.metadata().file_metadata().key_value_metadata();
    let format = metadata
        .into_iter()
        .flatten()
        .find(|pair| pair.key == FORMAT_KEY)
        .and_then(|pair| pair.value.as_deref());
    if format != Some(FORMAT) {
        return Err(EvidenceError::Format { file: name() });
    }
    let mut evidence = Evidence::default();
    for batch in builder.build().map_err(parquet)? {
        let batch = batch.map_err(|source| parquet(ParquetError::External(Box::new(source))))?;
        add_facts(&mut evidence, &Rows(&batch));
    }
    Ok(Some(evidence))
}

fn schema() -> SchemaRef {
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("surface", DataType::Utf8, false),
        Field::new("route", DataType::Utf8, false),
        Field::new("status", DataType::UInt16, false),
        Field::new("event", DataType::Utf8, false),
        // Encoded paths; of a token, `key` is the field's path from the root.
        Field::new("object", DataType::Utf8, false),
        Field::new("key", DataType::Utf8, false),
        // `status`, `media`, `request-media`, `body`, `object`, `field`, `silent`, `class`, `token`, `open`,
        // `absorbed`.
        Field::new("fact", DataType::Utf8, false),
        // The media type, the class's bit, or the token (`=text`, `#pseudonym`). `n` of `absorbed` is the
        // calibration's number.
        Field::new("name", DataType::Utf8, false),
        Field::new("n", DataType::UInt64, false),
        // Of a status the clean answers, of a field the bodies where some item lacks it, of bodies that
        // are silent on it those that have it, of a token the distinct entities.
        Field::new("part", DataType::UInt64, false),
        // Of bodies that are silent on a field those where some item lacks it.
        Field::new("callers", DataType::UInt64, false),
        Field::new("weight", DataType::Float64, false),
        Field::new("first_seen", time.clone(), true),
        Field::new("last_seen", time, true),
    ]))
}

#[derive(Default, Clone)]
struct Fact {
    kind: &'static str,
    name: String,
    object: String,
    key: String,
    n: u64,
    part: u64,
    callers: u64,
    weight: f64,
    seen: Span,
}

#[derive(Default)]
struct Facts {
    places: Vec<Place>,
    facts: Vec<Fact>,
}

impl Facts {
    fn of(evidence: &Evidence) -> Self {
        let mut facts = Self::default();
        for (route, seen) in &evidence.routes {
            let place = |status| Place {
                surface: Surface::Response,
                route: Some(route.clone()),
                status,
                event: None,
            };
            for (status, answers) in &seen.statuses {
                let here = place(Some(*status));
                facts.push(
                    &here,
                    Fact {
                        kind: "status",
                        n: answers.n,
                        part: answers.clean,
                        callers: answers.callers,
                        seen: answers.seen,
                        ..Fact::default()
                    },
                );
                for (media, n) in &answers.media {
                    facts.push(
                        &here,
                        Fact { kind: "media", name: media.clone(), n: *n, ..Fact::default() },
                    );
                }
            }
            for (media, n) in &seen.request_media {
                facts.push(
                    &place(None),
                    Fact { kind: "request-media", name: media.clone(), n: *n, ..Fact::default() },
                );
            }
        }
        for (place, seen) in &evidence.places {
            facts.push(place, Fact { kind: "body", n: seen.n, seen: seen.seen, ..Fact::default() });
            for (object, around) in &seen.objects {
                let object = path::encode(object);
                facts.push(
                    place,
                    Fact { kind: "object", object: object.clone(), n: around.n, ..Fact::default() },
                );
                for (key, field) in &around.fields {
                    facts.push_field(place, &object, &path::encode(key), field);
                }
            }
            for (field, values) in &seen.values {
                let key = path::encode(field);
                if values.open {
                    facts.push(place, Fact { kind: "open", key: key.clone(), ..Fact::default() });
                }
                for (token, seen) in &values.tokens {
                    let name = match token {
                        Token::Clear(text) => format!("={text}"),
                        Token::Withheld(pseudonym) => format!("#{pseudonym:x}"),
                    };
                    facts.push(
                        place,
                        Fact {
                            kind: "token",
                            key: key.clone(),
                            name,
                            n: seen.n,
                            part: seen.witnesses,
                            seen: seen.seen,
                            ..Fact::default()
                        },
                    );
                }
            }
        }
        let nowhere = Place { surface: Surface::Response, route: None, status: None, event: None };
        for number in &evidence.absorbed {
            facts.push(&nowhere, Fact { kind: "absorbed", n: *number, ..Fact::default() });
        }
        facts
    }

    fn push(&mut self, place: &Place, fact: Fact) {
        self.places.push(place.clone());
        self.facts.push(fact);
    }

    fn push_field(&mut self, place: &Place, object: &str, key: &str, field: &FieldEvidence) {
        let here = Fact { object: object.to_owned(), key: key.to_owned(), ..Fact::default() };
        self.push(
            place,
            Fact {
                kind: "field",
                n: field.n,
                part: field.sometimes,
                callers: field.callers,
                weight: field.weight,
                seen: field.seen,
                ..here.clone()
            },
        );
        let Silent { n, of, sometimes } = field.silent;
        if of > 0 {
            let silent =
                Fact { kind: "silent", n: of, part: n, callers: sometimes, ..here.clone() };
            self.push(place, silent);
        }
        for (class, seen) in &field.classes {
            self.push(
                place,
                Fact {
                    kind: "class",
                    name: (*class as u8).to_string(),
                    n: seen.n,
                    seen: seen.seen,
                    ..here.clone()
                },
            );
        }
    }

    fn batch(self) -> RecordBatch {
        let (places, facts) = (&self.places, &self.facts);
        let text = |of: fn(&Fact) -> &str| -> ArrayRef {
            Arc::new(StringArray::from_iter_values(facts.iter().map(of)))
        };
        let count = |of: fn(&Fact) -> u64| -> ArrayRef {
            Arc::new(UInt64Array::from_iter_values(facts.iter().map(of)))
        };
        let time = |of: fn(&Span) -> i64| -> ArrayRef {
            let times =
                facts.iter().map(|fact| (fact.seen != Span::default()).then(|| of(&fact.seen)));
            Arc::new(times.collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
        };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from_iter_values(
                places.iter().map(|place| place.surface.name()),
            )),
            Arc::new(StringArray::from_iter_values(
                places.iter().map(|place| place.route.as_deref().unwrap_or_default()),
            )),
            Arc::new(UInt16Array::from_iter_values(
                places.iter().map(|place| place.status.unwrap_or_default()),
            )),
            Arc::new(StringArray::from_iter_values(
                places.iter().map(|place| place.event.as_deref().unwrap_or_default()),
            )),
            text(|fact| &fact.object),
            text(|fact| &fact.key),
            text(|fact| fact.kind),
            text(|fact| &fact.name),
            count(|fact| fact.n),
            count(|fact| fact.part),
            count(|fact| fact.callers),
            Arc::new(Float64Array::from_iter_values(facts.iter().map(|fact| fact.weight))),
            time(|span| span.first_us),
            time(|span| span.last_us),
        ];
        RecordBatch::try_new(schema(), columns).expect("columns follow the schema above")
    }
}

fn add_facts(evidence: &mut Evidence, rows: &Rows<'_>) {
    let places = crate::diff::places_of(rows);
    let (facts, names, objects, keys) =
        (rows.word("fact"), rows.word("name"), rows.word("object"), rows.word("key"));
    let (n, part, callers) = (rows.u64("n"), rows.u64("part"), rows.u64("callers"));
    let (weights, spans) = (rows.f64("weight"), rows.spans());
    for (row, place) in places.into_iter().enumerate() {
        let fact = Fact {
            kind: "",
            name: names[row].clone(),
            object: objects[row].clone(),
            key: keys[row].clone(),
            n: n[row],
            part: part[row],
            callers: callers[row],
            weight: weights[row],
            seen: spans[row],
        };
        match facts[row].as_str() {
            "status" | "media" | "request-media" => {
                add_route_fact(evidence, &place, &facts[row], fact);
            }
            "absorbed" => {
                evidence.absorbed.insert(fact.n);
            }
            other => add_body_fact(evidence, place, other, &fact),
        }
    }
}

fn add_route_fact(evidence: &mut Evidence, place: &Place, kind: &str, fact: Fact) {
    let route = evidence.routes.entry(place.route.clone().unwrap_or_default()).or_default();
    let Some(status) = place.status else {
        route.request_media.insert(fact.name, fact.n);
        return;
    };
    let answers = route.statuses.entry(status).or_default();
    if kind == "media" {
        answers.media.insert(fact.name, fact.n);
        return;
    }
    (answers.n, answers.clean, answers.callers, answers.seen) =
        (fact.n, fact.part, fact.callers, fact.seen);
}

fn add_body_fact(evidence: &mut Evidence, place: Place, kind: &str, fact: &Fact) {
    let at = evidence.places.entry(place).or_default();
    let (object, key) = (path::decode(&fact.object), path::decode(&fact.key));
    let seen = Seen { n: fact.n, seen: fact.seen };
    match kind {
        "body" => (at.n, at.seen) = (fact.n, fact.seen),
        "object" => at.objects.entry(object).or_default().n = fact.n,
        "field" => {
            let field = at.objects.entry(object).or_default().fields.entry(key).or_default();
            (field.n, field.sometimes, field.callers) = (fact.n, fact.part, fact.callers);
            (field.weight, field.seen) = (fact.weight, fact.seen);
        }
        "silent" => {
            let field = at.objects.entry(object).or_default().fields.entry(key).or_default();
            field.silent = Silent { n: fact.part, of: fact.n, sometimes: fact.callers };
        }
        "class" => add_class(
            at.objects.entry(object).or_default().fields.entry(key).or_default(),
            &fact.name,
            seen,
        ),
        "open" => at.values.entry(key).or_default().open = true,
        "token" => {
            let seen = TokenSeen { n: fact.n, witnesses: fact.part, seen: fact.seen };
            add_token(at.values.entry(key).or_default(), &fact.name, seen);
        }
        // Facts that a later version adds.
        _ => {}
    }
}

fn add_class(field: &mut FieldEvidence, name: &str, seen: Seen) {
    let class = name.parse::<usize>().ok().and_then(|bit| Class::ALL.get(bit));
    if let Some(class) = class {
        field.classes.insert(*class, seen);
    }
}

fn add_token(values: &mut crate::evidence::Values, name: &str, seen: TokenSeen) {
    let token = match name.strip_prefix('#') {
        Some(hex) => Token::Withheld(u64::from_str_radix(hex, 16).unwrap_or_default()),
        None => Token::Clear(name.strip_prefix('=').unwrap_or(name).to_owned()),
    };
    values.tokens.insert(token, seen);
}

#[cfg(test)]
mod tests {
    use models::FieldPath;

    use super::*;

    #[test]
    fn evidence_reads_back_as_it_was_written() {
        let seen = Seen { n: 7, seen: Span { first_us: 1, last_us: 2 } };
        let place = Place {
            surface: Surface::Response,
            route: Some("GET /x/{id}".into()),
            status: Some(200),
            event: None,
        };
        let mut evidence = Evidence::default();
        let at = evidence.places.entry(place).or_default();
        (at.n, at.seen) = (9, seen.seen);
        let key = path::decode("/tags/[]");
        let field =
            at.objects.entry(FieldPath::ROOT).or_default().fields.entry(key.clone()).or_default();
        (field.n, field.sometimes, field.weight, field.callers) = (9, 2, 0.25, 3);
        field.silent = Silent { n: 4, of: 5, sometimes: 1 };
        field.classes.insert(Class::Uuid, seen);
        at.values
            .entry(key)
            .or_default()
            .tokens
            .insert(Token::Clear("a#b".into()), TokenSeen { n: 7, witnesses: 3, seen: seen.seen });
        evidence.absorbed = [3, 4].into();
        let status = evidence
            .routes
            .entry("GET /x/{id}".into())
            .or_default()
            .statuses
            .entry(200)
            .or_default();
        (status.n, status.clean) = (9, 8);
        status.media.insert("application/json".into(), 9);

        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("evidence.parquet");
        assert_eq!(read(&file).unwrap(), None);
        write(&evidence, &file).unwrap();
        assert_eq!(read(&file).unwrap().unwrap(), evidence);
        std::fs::write(&file, b"nonsense").unwrap();
        assert!(matches!(read(&file), Err(EvidenceError::Parquet { .. })));
    }
}
