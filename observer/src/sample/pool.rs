//! Values of path parameters, as answers showed them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::send::fits_segment;

/// Values of a route's path parameters, in their order.
pub(super) type Binding = Vec<String>;

/// Bindings kept of a probe; more show nothing new.
const BINDINGS_MAX: usize = 1000;

/// What the answers of each probe showed.
#[derive(Debug, Default)]
pub(super) struct Pool {
    shown: BTreeMap<(String, String), Vec<Binding>>,
}

impl Pool {
    /// Takes what an answer shows at a place: each value with the parameters it was asked with.
    pub(super) fn take(&mut self, probe: &str, at: &str, asked: &Binding, body: &Value) {
        let bindings = self.shown.entry((probe.to_owned(), at.to_owned())).or_default();
        for value in read(body, at) {
            let text = match value {
                Value::String(text) if fits_segment(text) => text.clone(),
                Value::Number(number) => number.to_string(),
                _ => continue,
            };
            let mut binding = asked.clone();
            binding.push(text);
            if bindings.len() < BINDINGS_MAX && !bindings.contains(&binding) {
                bindings.push(binding);
            }
        }
    }

    /// The bindings at a place of a probe's answers.
    pub(super) fn of(&self, probe: &str, at: &str) -> &[Binding] {
        self.shown.get(&(probe.to_owned(), at.to_owned())).map_or(&[], Vec::as_slice)
    }
}

/// The values at a path of a body, `data[].id`.
pub(super) fn read<'b>(body: &'b Value, path: &str) -> Vec<&'b Value> {
    let mut found = vec![body];
    for part in path.split('.') {
        let name = part.trim_end_matches("[]");
        if !name.is_empty() {
            found = found.into_iter().filter_map(|value| value.get(name)).collect();
        }
        for _ in 0..part[name.len()..].len() / 2 {
            found = found.into_iter().filter_map(Value::as_array).flatten().collect();
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_read_with_the_parameters_they_were_asked_with() {
        let mut pool = Pool::default();
        let body = json!({"data": [{"id": "a"}, {"id": 7}, {"id": null}, {}, {"id": "a"}]});
        pool.take("GET /x/{y}/z", "data[].id", &vec!["one".to_owned()], &body);
        assert_eq!(pool.of("GET /x/{y}/z", "data[].id"), [["one", "a"], ["one", "7"]]);
        pool.take("GET /list", "[].user.login", &vec![], &json!([{"user": {"login": "me"}}]));
        assert_eq!(pool.of("GET /list", "[].user.login"), [["me"]]);
        assert!(pool.of("GET /other", "id").is_empty());
    }
}
