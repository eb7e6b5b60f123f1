//! Searches: clauses over the fields of a collection's items, as they are shown.
//!
//! `status:"active" AND -metadata["plan"]:"free"`: fields by exact words (`:`), by a part (`~`) and
//! by size (`<`, `<=`, `>`, `>=`), each denied by a `-`, joined by `AND` (or nothing) or by `OR`.
//!
//! # Source
//!
//! Stripe's public reference of its search query language.

use serde_json::Value;

/// A search that was understood.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Search {
    clauses: Vec<Clause>,
    /// Whether one clause is enough.
    any: bool,
}

#[derive(Debug, Clone, PartialEq)]
struct Clause {
    denied: bool,
    path: Vec<String>,
    operator: Operator,
    wanted: Wanted,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Is,
    Has,
    Below,
    AtMost,
    Above,
    AtLeast,
}

#[derive(Debug, Clone, PartialEq)]
enum Wanted {
    Nothing,
    Text(String),
}

/// What vendors call the parameter that says what is looked for.
pub(crate) const NAMES: [&str; 3] = ["query", "q", "search"];

impl Search {
    /// Looks for items in which each of the words stands somewhere.
    pub(crate) fn of_words(text: &str) -> Self {
        let clause = |word: &str| Clause {
            denied: false,
            path: Vec::new(),
            operator: Operator::Has,
            wanted: Wanted::Text(word.to_owned()),
        };
        Self { clauses: text.split_whitespace().map(clause).collect(), any: false }
    }

    /// # Errors
    ///
    /// What is wrong with it, for people.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let mut rest = text.trim();
        let (mut clauses, mut and, mut or) = (Vec::new(), false, false);
        if rest.is_empty() {
            return Err("the query is empty".to_owned());
        }
        while !rest.is_empty() {
            if !clauses.is_empty() {
                match joint(rest) {
                    (Some("OR"), after) => (or, rest) = (true, after),
                    (_, after) => (and, rest) = (true, after),
                }
            }
            let (clause, after) = clause(rest)?;
            clauses.push(clause);
            rest = after.trim_start();
        }
        if and && or {
            return Err("AND and OR cannot be combined in one query".to_owned());
        }
        Ok(Self { clauses, any: or })
    }

    /// Whether an item is one that is looked for.
    pub(crate) fn finds(&self, item: &Value) -> bool {
        if self.any {
            self.clauses.iter().any(|clause| clause.holds(item))
        } else {
            self.clauses.iter().all(|clause| clause.holds(item))
        }
    }
}

fn joint(text: &str) -> (Option<&'static str>, &str) {
    for word in ["AND", "OR"] {
        let head = text.get(..word.len()).filter(|head| head.eq_ignore_ascii_case(word));
        if head.is_some() && text[word.len()..].starts_with([' ', '(']) {
            return (Some(word), text[word.len()..].trim_start());
        }
    }
    (None, text)
}

fn clause(text: &str) -> Result<(Clause, &str), String> {
    let (denied, text) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let (path, text) = path(text)?;
    let operators = [
        (">=", Operator::AtLeast),
        ("<=", Operator::AtMost),
        (":", Operator::Is),
        ("~", Operator::Has),
        (">", Operator::Above),
        ("<", Operator::Below),
    ];
    let found = operators
        .iter()
        .find_map(|(sign, operator)| Some((*operator, text.strip_prefix(sign)?.trim_start())));
    let Some((operator, text)) = found else {
        return Err(format!("after `{}` an operator is missing", path.join(".")));
    };
    let (wanted, rest) = wanted(text)?;
    Ok((Clause { denied, path, operator, wanted }, rest))
}

/// `a.b`, `metadata["key"]`.
fn path(text: &str) -> Result<(Vec<String>, &str), String> {
    let end =
        text.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.'))).unwrap_or(text.len());
    let (name, mut rest) = text.split_at(end);
    if name.is_empty() {
        return Err(format!("a field is expected at `{text}`"));
    }
    let mut path: Vec<String> = name.split('.').map(str::to_owned).collect();
    while let Some(inner) = rest.strip_prefix('[') {
        let (key, after) = quoted(inner)?;
        path.push(key);
        rest = after.strip_prefix(']').ok_or("a bracket is not closed")?;
    }
    Ok((path, rest.trim_start()))
}

fn wanted(text: &str) -> Result<(Wanted, &str), String> {
    if text.starts_with(['"', '\'']) {
        let (text, rest) = quoted(text)?;
        return Ok((Wanted::Text(text), rest));
    }
    let end = text.find(char::is_whitespace).unwrap_or(text.len());
    let (word, rest) = text.split_at(end);
    match word {
        "" => Err("a value is missing".to_owned()),
        "null" | "NULL" => Ok((Wanted::Nothing, rest)),
        word => Ok((Wanted::Text(word.to_owned()), rest)),
    }
}

/// A text in quotes and what comes after; a backslash takes the next sign as it is.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let mut signs = text.char_indices();
    let quote = signs.next().map(|(_, quote)| quote).filter(|quote| matches!(quote, '"' | '\''));
    let quote = quote.ok_or_else(|| format!("a quote is expected at `{text}`"))?;
    let mut value = String::new();
    while let Some((at, sign)) = signs.next() {
        match sign {
            '\\' => value.extend(signs.next().map(|(_, next)| next)),
            sign if sign == quote => return Ok((value, &text[at + sign.len_utf8()..])),
            sign => value.push(sign),
        }
    }
    Err("a quote is not closed".to_owned())
}

impl Clause {
    fn holds(&self, item: &Value) -> bool {
        let mut found = Vec::new();
        if self.path.is_empty() {
            gather(item, &mut found);
        } else {
            reach(item, &self.path, &mut found);
        }
        let holds = match &self.wanted {
            Wanted::Nothing => found.iter().all(|value| value.is_null()),
            Wanted::Text(wanted) => found.iter().any(|value| self.matches(value, wanted)),
        };
        holds != self.denied
    }

    fn matches(&self, value: &Value, wanted: &str) -> bool {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            // An object stands for its id, as where it is not expanded.
            Value::Object(fields) => match fields.get("id").and_then(Value::as_str) {
                Some(id) => id.to_owned(),
                None => return false,
            },
            Value::Null | Value::Array(_) => return false,
        };
        let size = || Some((text.parse::<f64>().ok()?, wanted.parse::<f64>().ok()?));
        match self.operator {
            Operator::Is => text.eq_ignore_ascii_case(wanted),
            Operator::Has => text.to_lowercase().contains(&wanted.to_lowercase()),
            Operator::Below => size().is_some_and(|(is, wanted)| is < wanted),
            Operator::AtMost => size().is_some_and(|(is, wanted)| is <= wanted),
            Operator::Above => size().is_some_and(|(is, wanted)| is > wanted),
            Operator::AtLeast => size().is_some_and(|(is, wanted)| is >= wanted),
        }
    }
}

/// Every value at a path; the items of arrays on the way each for itself.
fn reach<'v>(value: &'v Value, path: &[String], into: &mut Vec<&'v Value>) {
    match (value, path.split_first()) {
        (Value::Array(items), _) => items.iter().for_each(|item| reach(item, path, into)),
        (value, None) => into.push(value),
        (Value::Object(fields), Some((name, rest))) => {
            if let Some(inner) = fields.get(name) {
                reach(inner, rest, into);
            }
        }
        _ => {}
    }
}

/// Every scalar there is in a value.
fn gather<'v>(value: &'v Value, into: &mut Vec<&'v Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| gather(item, into)),
        Value::Object(fields) => fields.values().for_each(|field| gather(field, into)),
        scalar => into.push(scalar),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn finds(query: &str) -> bool {
        let item = json!({"status": "active", "amount": 1500, "name": "Grace Hopper",
            "metadata": {"plan": "free"}, "card": {"brand": "visa"}, "email": null});
        Search::parse(query).unwrap().finds(&item)
    }

    #[test]
    fn clauses_are_words_parts_and_sizes() {
        for query in [
            "status:'active'",
            "status:\"ACTIVE\" AND amount>1499",
            "amount>=1500 amount<=1500",
            "name~\"hop\"",
            "metadata[\"plan\"]:'free'",
            "-metadata['plan']:'paid'",
            "card.brand:\"visa\" AND -status:'canceled'",
            "status:'canceled' OR amount<2000",
            "email:null",
            "metadata['none']:null",
            "-status:null",
        ] {
            assert!(finds(query), "{query}");
        }
        for query in
            ["status:'canceled'", "amount<1500", "name~'ada'", "-email:null", "name:'Grace'"]
        {
            assert!(!finds(query), "{query}");
        }
    }

    #[test]
    fn words_are_looked_for_everywhere() {
        let item = json!({"name": "Grace Hopper", "cards": [{"brand": "visa", "last4": 4242}]});
        let finds = |text| Search::of_words(text).finds(&item);
        assert!(finds("hopper VISA") && finds("4242") && finds(""));
        assert!(!finds("hopper master") && !finds("brand"));
    }

    #[test]
    fn what_is_no_query_is_refused() {
        for query in [
            "",
            "status",
            "status:",
            "status:'a",
            "metadata[plan]:'x'",
            "a:'b' AND c:'d' OR e:'f'",
            "'x'",
        ] {
            assert!(Search::parse(query).is_err(), "{query}");
        }
    }
}
