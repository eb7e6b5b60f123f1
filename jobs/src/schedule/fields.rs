//! A cron expression's fields, from how `crontab` counts to how the `cron` crate does.

/// Why an expression cannot be read, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CronError {
    /// Not five, six or seven fields.
    #[error(
        "`{text}` has {found} fields: write five, `minute hour day month weekday`, as `17 * * * *` for each hour"
    )]
    Fields {
        /// The expression.
        text: String,
        /// How many it has.
        found: usize,
    },
    /// A number beyond what the field counts.
    #[error("`{item}` is no {field}: write {min} to {max}, `*` or `*/N`")]
    OutOfRange {
        /// The part of the field.
        item: String,
        /// Which field.
        field: &'static str,
        /// The least.
        min: u32,
        /// The greatest.
        max: u32,
    },
    /// Programs disagree what numbers of weekdays are where seconds are given.
    #[error("`{item}` is ambiguous with seconds: write weekdays by name, as `MON-FRI`")]
    NumberedWeekday {
        /// The field.
        item: String,
    },
    /// No year has such a day.
    #[error("`{text}` never comes: no year has such a day")]
    Never {
        /// The expression.
        text: String,
    },
    /// A form that is not known (`L`, `W`, `#`) or no expression at all.
    #[error("`{text}` is no cron expression: write one as `17 * * * *` or `@daily`")]
    Unreadable {
        /// The expression.
        text: String,
    },
}

/// An expression as the `cron` crate reads it.
pub(super) struct Read {
    /// Due where any of them is.
    pub(super) sources: Vec<String>,
    /// Whether the hour is unrestricted.
    pub(super) is_interval: bool,
}

const NAMES: [(&str, u32, u32); 5] = [
    ("second", 0, 59),
    ("minute", 0, 59),
    ("hour", 0, 23),
    ("day of the month", 1, 31),
    ("month", 1, 12),
];

/// Reads the fields; weekdays are counted from Sunday = 1 then, as the crate does.
pub(super) fn read(text: &str) -> Result<Read, CronError> {
    let trimmed = text.trim();
    if trimmed.starts_with('@') {
        let is_interval = trimmed == "@hourly";
        let source = if trimmed == "@midnight" { "@daily" } else { trimmed };
        return Ok(Read { sources: vec![source.to_owned()], is_interval });
    }
    let fields: Vec<&str> = trimmed.split_whitespace().collect();
    let (times, weekday, year): (Vec<&str>, &str, &str) = match fields.as_slice() {
        [minute, hour, day, month, weekday] => (vec!["0", minute, hour, day, month], weekday, "*"),
        [second, minute, hour, day, month, weekday] => {
            (vec![second, minute, hour, day, month], weekday, "*")
        }
        [second, minute, hour, day, month, weekday, year] => {
            (vec![second, minute, hour, day, month], weekday, year)
        }
        _ => return Err(CronError::Fields { text: text.to_owned(), found: fields.len() }),
    };
    for (field, (name, min, max)) in times.iter().zip(NAMES) {
        check(field, name, min, max)?;
    }
    let has_seconds = fields.len() > 5;
    let weekdays = if has_seconds { named(weekday)? } else { numbered(weekday)? };
    let (day, month) = (times[3], times[4]);
    let source = |day: &str, weekday: &str| {
        format!("{} {} {} {day} {month} {weekday} {year}", times[0], times[1], times[2])
    };
    let is_free = |field: &str| field.starts_with('*') || field == "?";
    let sources = if has_seconds || is_free(day) || is_free(weekday) {
        vec![source(day, &weekdays)]
    } else {
        vec![source(day, "*"), source("*", &weekdays)]
    };
    Ok(Read { sources, is_interval: times[2].starts_with('*') })
}

/// Whether each number of the field is one it counts.
fn check(field: &str, name: &'static str, min: u32, max: u32) -> Result<(), CronError> {
    for item in field.split(',') {
        let refuse = || CronError::OutOfRange { item: item.to_owned(), field: name, min, max };
        let (range, step) = item.split_once('/').map_or((item, None), |(r, s)| (r, Some(s)));
        if step.is_some_and(|step| !step.parse().is_ok_and(|step: u32| 0 < step && step <= max)) {
            return Err(refuse());
        }
        let (from, to) = range.split_once('-').unwrap_or((range, range));
        let number = |end: &str| end.parse::<u32>().ok();
        for end in [from, to] {
            let is_digits = end.chars().all(|c| c.is_ascii_digit());
            if is_digits && !number(end).is_some_and(|n| (min..=max).contains(&n)) {
                return Err(refuse());
            }
        }
        if number(from).zip(number(to)).is_some_and(|(from, to)| from > to) {
            return Err(refuse());
        }
    }
    Ok(())
}

/// Weekdays by name, as they stand.
fn named(field: &str) -> Result<String, CronError> {
    let digits = field.split('/').next().is_some_and(|f| f.chars().any(|c| c.is_ascii_digit()));
    if digits {
        Err(CronError::NumberedWeekday { item: field.to_owned() })
    } else {
        Ok(field.to_owned())
    }
}

/// Weekdays with Sunday as 0 or 7, as a list with Sunday as 1.
fn numbered(field: &str) -> Result<String, CronError> {
    if matches!(field, "*" | "?") {
        return Ok("*".to_owned());
    }
    let mut days = std::collections::BTreeSet::new();
    for item in field.split(',') {
        let refuse =
            || CronError::OutOfRange { item: item.to_owned(), field: "weekday", min: 0, max: 7 };
        let (range, step) = item.split_once('/').map_or((item, None), |(r, s)| (r, Some(s)));
        let step: usize = step.unwrap_or("1").parse().ok().filter(|s| *s > 0).ok_or_else(refuse)?;
        let (from, to) = match range.split_once('-') {
            _ if range == "*" => (0, 6),
            Some((from, to)) => {
                let (from, to) = weekday(from).zip(weekday(to)).ok_or_else(refuse)?;
                // `FRI-SUN`, as people write it.
                (from, if to == 0 && from > 0 { 7 } else { to })
            }
            None => {
                let day = weekday(range).ok_or_else(refuse)?;
                (day, if item.contains('/') { 7 } else { day })
            }
        };
        if from > to {
            return Err(refuse());
        }
        days.extend((from..=to).step_by(step).map(|day| day % 7 + 1));
    }
    Ok(days.iter().map(ToString::to_string).collect::<Vec<_>>().join(","))
}

/// 0 to 7 of a number or a name.
fn weekday(text: &str) -> Option<u32> {
    const DAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
    let text = text.to_ascii_lowercase();
    let by_name = DAYS.iter().position(|day| *day == text).and_then(|day| u32::try_from(day).ok());
    by_name.or_else(|| text.parse().ok().filter(|day| *day <= 7))
}

#[cfg(test)]
mod tests {
    use crate::schedule::Cron;

    #[test]
    fn what_is_wrong_is_told_with_what_to_write() {
        let told = |text: &str| text.parse::<Cron>().unwrap_err().to_string();
        insta::assert_snapshot!(told("60 * * * *"), @"`60` is no minute: write 0 to 59, `*` or `*/N`");
        insta::assert_snapshot!(told("0 5-1 * * *"), @"`5-1` is no hour: write 0 to 23, `*` or `*/N`");
        insta::assert_snapshot!(told("0 0 * * 8"), @"`8` is no weekday: write 0 to 7, `*` or `*/N`");
        insta::assert_snapshot!(told("*/0 * * * *"), @"`*/0` is no minute: write 0 to 59, `*` or `*/N`");
        insta::assert_snapshot!(told("hourly"), @"`hourly` has 1 fields: write five, `minute hour day month weekday`, as `17 * * * *` for each hour");
        insta::assert_snapshot!(told("0 0 12 * * 1"), @"`1` is ambiguous with seconds: write weekdays by name, as `MON-FRI`");
        insta::assert_snapshot!(told("0 0 31 2 *"), @"`0 0 31 2 *` never comes: no year has such a day");
        assert!("0 0 29 2 *".parse::<Cron>().is_ok());
        assert!("0 0 31 2 FRI".parse::<Cron>().is_ok(), "each Friday of February");
        insta::assert_snapshot!(told("0 0 L * *"), @"`0 0 L * *` is no cron expression: write one as `17 * * * *` or `@daily`");
        insta::assert_snapshot!(told("@fortnightly"), @"`@fortnightly` is no cron expression: write one as `17 * * * *` or `@daily`");
    }
}
