//! The subset of `JSONPath` that scenarios use: `$.a.b[0]`.

use serde_json::Value;

/// The value at a path; `Err` where the path is none.
pub(super) fn at<'v>(value: &'v Value, path: &str) -> Result<Option<&'v Value>, String> {
    let wrong = || format!("`{path}` is not a path such as `$.data[0].id`");
    let mut rest = path.strip_prefix('$').ok_or_else(wrong)?;
    let mut found = Some(value);
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix('[') {
            let (index, after) = after.split_once(']').ok_or_else(wrong)?;
            let quoted =
                index.strip_prefix(['\'', '"']).and_then(|one| one.strip_suffix(['\'', '"']));
            found = match (quoted, index.parse::<usize>()) {
                (Some(name), _) => found.and_then(|value| value.get(name)),
                (None, Ok(index)) => found.and_then(|value| value.get(index)),
                (None, Err(_)) => return Err(wrong()),
            };
            rest = after;
        } else {
            let name = rest.strip_prefix('.').ok_or_else(wrong)?;
            let end = name.find(['.', '[']).unwrap_or(name.len());
            if end == 0 {
                return Err(wrong());
            }
            found = found.and_then(|value| value.get(&name[..end]));
            rest = &name[end..];
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_leads_through_objects_and_arrays() {
        let value = json!({"a": {"b": [{"c": 1}, {"c d": null}]}});
        assert_eq!(at(&value, "$.a.b[0].c"), Ok(Some(&json!(1))));
        assert_eq!(at(&value, "$.a.b[1]['c d']"), Ok(Some(&Value::Null)));
        assert_eq!(at(&value, "$"), Ok(Some(&value)));
        assert_eq!(at(&value, "$.a.x[3].y"), Ok(None));
        for wrong in ["a.b", "$a", "$.a[", "$.a[x]", "$..a", "$.a."] {
            assert!(at(&value, wrong).is_err(), "{wrong}");
        }
    }
}
