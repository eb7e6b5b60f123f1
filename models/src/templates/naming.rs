//! Names of parameters.

use super::split_suffix;

/// A collection's word as the name of one of its members, in small letters and underscores:
/// `companies` → `company`, `boxes` → `box`, `statuses` → `status`, `transactionRules` →
/// `transaction_rule`.
pub(super) fn singular(word: &str) -> String {
    let word = snake(split_suffix(word).0);
    if let Some(stem) = word.strip_suffix("ies").filter(|stem| stem.len() > 1) {
        return format!("{stem}y");
    }
    if let Some(stem) = word.strip_suffix("yses") {
        return format!("{stem}ysis");
    }
    if ["sses", "xes", "ches", "shes", "tuses", "ruses", "buses"]
        .iter()
        .any(|end| word.ends_with(end))
    {
        return word[..word.len() - 2].to_owned();
    }
    match word.strip_suffix('s') {
        Some(stem) if stem.len() > 1 && !stem.ends_with(['s', 'u']) => stem.to_owned(),
        _ => word,
    }
}

/// Small letters; humps and joints become `_`.
fn snake(word: &str) -> String {
    let mut snake = String::with_capacity(word.len() + 4);
    let mut small = false;
    for character in word.chars() {
        if character.is_ascii_uppercase() && small {
            snake.push('_');
        }
        small = character.is_ascii_lowercase() || character.is_ascii_digit();
        snake.push(if character.is_ascii_alphanumeric() {
            character.to_ascii_lowercase()
        } else {
            '_'
        });
    }
    snake
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_many_has_the_singular_name() {
        let cases = [
            ("customers", "customer"),
            ("companies", "company"),
            ("boxes", "box"),
            ("addresses", "address"),
            ("statuses", "status"),
            ("analyses", "analysis"),
            ("branches", "branch"),
            ("houses", "house"),
            ("databases", "database"),
            ("status", "status"),
            ("Accounts.json", "account"),
            ("transactionRules", "transaction_rule"),
            ("check-runs", "check_run"),
        ];
        for (word, name) in cases {
            assert_eq!(singular(word), name, "{word}");
        }
    }
}
