//! Deliveries waiting, under way and done. No sockets and no clock of its own: who sends asks what
//! is due at a time and says what came of it.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use models::behaviour::{Knobs, Order, Retry};
use serde_json::Value;

use crate::dice::Dice;
use crate::webhooks::delivery::{Attempt, Delivery, Message, Standing};

/// How deliveries are kept in order and repeated.
#[derive(Debug, Clone)]
pub(crate) struct Policy {
    pub(crate) retry: Retry,
    pub(crate) order: Order,
    pub(crate) knobs: Knobs,
    pub(crate) dice: Dice,
}

/// Deliveries of one session.
#[derive(Debug)]
pub(crate) struct Outbox {
    pub(crate) policy: Policy,
    /// How many were ever queued, and so the number of the last.
    queued: u64,
    waiting: BTreeMap<u64, Delivery>,
    /// Those that may be sent once their time has come: of each line the first.
    ready: BTreeSet<(Duration, u64)>,
    /// Per endpoint and object, in the order they go out.
    lines: HashMap<Line, VecDeque<u64>>,
    /// Held back until another to the same endpoint is queued, by the knob `reorder`.
    held: HashMap<String, Vec<u64>>,
    settled: VecDeque<Delivery>,
    waiting_bytes: usize,
    settled_bytes: usize,
    /// Not queued, as too many were waiting.
    pub(crate) dropped: u64,
    pub(crate) delivered: u64,
    pub(crate) failed: u64,
}

type Line = (String, String);

/// A delivery to be attempted now.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) number: u64,
    pub(crate) message: Arc<Message>,
    /// Attempts before this one.
    pub(crate) before: usize,
    /// What came of the last.
    pub(crate) reason: Option<&'static str>,
}

/// Deliveries waiting beyond which new ones are dropped, and counted.
const WAITING_MAX: usize = 10_000;
/// The same for what they take in memory together.
const WAITING_BYTES_MAX: usize = 32 << 20;
/// Deliveries remembered when they are done, and what they may take in memory.
const SETTLED_MAX: usize = 1_000;
const SETTLED_BYTES_MAX: usize = 8 << 20;
/// How long a held delivery waits at most for one to overtake it.
const HELD_MAX: Duration = Duration::from_secs(5);

impl Outbox {
    pub(crate) fn new(policy: Policy) -> Self {
        Self {
            policy,
            queued: 0,
            waiting: BTreeMap::new(),
            ready: BTreeSet::new(),
            lines: HashMap::new(),
            held: HashMap::new(),
            settled: VecDeque::new(),
            waiting_bytes: 0,
            settled_bytes: 0,
            dropped: 0,
            delivered: 0,
            failed: 0,
        }
    }

    /// Queues a delivery: due now, unless a knob says otherwise.
    pub(crate) fn queue(&mut self, message: Message, now: Duration) {
        let message = Arc::new(message);
        let dice = self.policy.dice.at(&message.event.id).at(&message.endpoint.id);
        let knobs = self.policy.knobs.clone();
        let late = chance(dice.at("delay"), knobs.delay);
        let due = if late { after(now, knobs.delay_seconds) } else { now };
        let endpoint = message.endpoint.id.clone();
        let overtaken = self.held.remove(&endpoint).unwrap_or_default();
        let copies = if chance(dice.at("duplicate"), knobs.duplicate) { 2 } else { 1 };
        let hold = chance(dice.at("reorder"), knobs.reorder);
        for _ in 0..copies {
            if hold {
                if let Some(number) =
                    self.add(Arc::clone(&message), now.saturating_add(HELD_MAX), false)
                {
                    self.held.entry(endpoint.clone()).or_default().push(number);
                }
            } else {
                self.add(Arc::clone(&message), due, self.policy.order == Order::PerObject);
            }
        }
        for number in overtaken {
            self.put_off(number, due.saturating_add(Duration::from_micros(1)));
        }
    }

    /// Sends a delivery once more, out of line; whether there is such a one.
    pub(crate) fn replay(&mut self, number: u64, now: Duration) -> Option<u64> {
        let settled = self.settled.iter().find(|delivery| delivery.number == number);
        let message = &settled.or_else(|| self.waiting.get(&number))?.message;
        let message = Arc::clone(message);
        self.add(message, now, false)
    }

    /// The deliveries of an event that are known, oldest first; those sent once more are of it too,
    /// so of each endpoint only the first.
    pub(crate) fn numbers_of(&self, event: &str) -> Vec<u64> {
        let all = self.settled.iter().chain(self.waiting.values());
        let own = all.filter(|delivery| delivery.message.event.id == event);
        let mut first: BTreeMap<&str, u64> = BTreeMap::new();
        for delivery in own {
            let number = first.entry(&delivery.message.endpoint.id).or_insert(delivery.number);
            *number = delivery.number.min(*number);
        }
        let mut numbers: Vec<u64> = first.into_values().collect();
        numbers.sort_unstable();
        numbers
    }

    /// Calls off the deliveries of an object that are not under way or done.
    pub(crate) fn forget(&mut self, object: &str) {
        let is_due = |one: &Delivery| matches!(one.standing, Standing::Due(_));
        let own = self.waiting.values().filter(|one| one.message.event.object == object);
        let numbers: Vec<u64> = own.filter(|one| is_due(one)).map(|one| one.number).collect();
        for number in numbers {
            let Some(delivery) = self.waiting.remove(&number) else { continue };
            self.waiting_bytes -= delivery.message.size();
            self.ready.retain(|(_, ready)| *ready != number);
            let line = line_of(&delivery.message);
            let is_first = self.lines.get(&line).is_some_and(|all| all.front() == Some(&number));
            if delivery.in_line && is_first {
                self.advance(&line);
            } else if let Some(all) = self.lines.get_mut(&line) {
                all.retain(|one| *one != number);
            }
        }
    }

    /// What may be sent at a time, oldest first. Each has to be [settled](Self::settle).
    pub(crate) fn take_due(&mut self, now: Duration, count_max: usize) -> Vec<Ticket> {
        let mut tickets = Vec::new();
        while let Some((due, number)) = self.ready.first().copied()
            && due <= now
            && tickets.len() < count_max
        {
            self.ready.pop_first();
            let Some(delivery) = self.waiting.get_mut(&number) else { continue };
            delivery.standing = Standing::Sending(due);
            let last = delivery.attempts.last();
            tickets.push(Ticket {
                number,
                message: Arc::clone(&delivery.message),
                before: delivery.attempts.len(),
                reason: last.map(|attempt| attempt.result.reason()),
            });
        }
        tickets
    }

    /// When the next may be sent.
    pub(crate) fn next_due(&self) -> Option<Duration> {
        self.ready.first().map(|(due, _)| *due)
    }

    /// Takes note of an attempt: done, given up, or to be repeated.
    pub(crate) fn settle(&mut self, number: u64, attempt: Attempt, now: Duration) {
        let Some(delivery) = self.waiting.get_mut(&number) else { return };
        let (success, is_final) = (attempt.result.is_success(), attempt.result.is_final());
        delivery.attempts.push(attempt);
        let attempts = delivery.attempts.len();
        let next = self.policy.retry.delays_seconds.get(attempts - 1).copied();
        match next {
            Some(delay) if !success && !is_final => {
                let dice = self.policy.dice.at(&delivery.message.id).nth(attempts as u64);
                let due = after(now, jittered(delay, self.policy.retry.jitter_percent, dice));
                delivery.standing = Standing::Due(due);
                self.ready.insert((due, number));
            }
            _ => self.finish(number, success),
        }
    }

    /// Makes all that waits due: who flushes does not wait for the clock.
    pub(crate) fn hasten(&mut self, now: Duration) -> usize {
        self.held.clear();
        for delivery in self.waiting.values_mut() {
            if let Standing::Due(due) = &mut delivery.standing {
                *due = (*due).min(now);
            }
        }
        let ready: Vec<u64> = self.ready.iter().map(|(_, number)| *number).collect();
        self.ready = ready.into_iter().map(|number| (self.due_of(number, now), number)).collect();
        self.waiting.len()
    }

    /// Whether all that is due has been tried.
    pub(crate) fn is_quiet(&self, now: Duration) -> bool {
        let sending = |one: &Delivery| matches!(one.standing, Standing::Sending(_));
        self.next_due().is_none_or(|due| due > now) && !self.waiting.values().any(sending)
    }

    /// Whether nothing is waiting or under way.
    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Every delivery that is known, newest first.
    pub(crate) fn to_json(&self) -> Value {
        let mut all: Vec<_> = self.settled.iter().chain(self.waiting.values()).collect();
        all.sort_by_key(|delivery| std::cmp::Reverse(delivery.number));
        all.into_iter().map(Delivery::to_json).collect()
    }

    /// Those to one endpoint, newest first.
    pub(crate) fn to_endpoint(&self, endpoint: &str) -> Vec<Value> {
        let all = self.settled.iter().chain(self.waiting.values());
        let mut own: Vec<_> =
            all.filter(|delivery| delivery.message.endpoint.id == endpoint).collect();
        own.sort_by_key(|delivery| std::cmp::Reverse(delivery.number));
        own.into_iter().map(Delivery::to_json).collect()
    }

    /// What all that is known takes in memory, by an estimate.
    pub(crate) fn bytes(&self) -> usize {
        self.waiting_bytes + self.settled_bytes
    }

    /// How many wait or are under way.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn add(&mut self, message: Arc<Message>, due: Duration, in_line: bool) -> Option<u64> {
        if self.waiting.len() >= WAITING_MAX
            || self.waiting_bytes + message.size() > WAITING_BYTES_MAX
        {
            self.dropped += 1;
            return None;
        }
        self.queued += 1;
        self.waiting_bytes += message.size();
        let number = self.queued;
        let first = if in_line {
            let line = self.lines.entry(line_of(&message)).or_default();
            line.push_back(number);
            line.len() == 1
        } else {
            true
        };
        if first {
            self.ready.insert((due, number));
        }
        let standing = Standing::Due(due);
        let delivery = Delivery { number, message, in_line, standing, attempts: Vec::new() };
        self.waiting.insert(number, delivery);
        Some(number)
    }

    /// Gives a waiting delivery that is not in line another time.
    fn put_off(&mut self, number: u64, due: Duration) {
        let Some(delivery) = self.waiting.get_mut(&number) else { return };
        if let Standing::Due(before) = delivery.standing {
            self.ready.remove(&(before, number));
            delivery.standing = Standing::Due(due);
            self.ready.insert((due, number));
        }
    }

    fn finish(&mut self, number: u64, success: bool) {
        let Some(mut delivery) = self.waiting.remove(&number) else { return };
        self.waiting_bytes -= delivery.message.size();
        delivery.standing = if success { Standing::Delivered } else { Standing::GivenUp };
        *(if success { &mut self.delivered } else { &mut self.failed }) += 1;
        if delivery.in_line {
            self.advance(&line_of(&delivery.message));
        }
        self.settled_bytes += delivery.message.size();
        self.settled.push_back(delivery);
        while (self.settled.len() > SETTLED_MAX || self.settled_bytes > SETTLED_BYTES_MAX)
            && let Some(oldest) = self.settled.pop_front()
        {
            self.settled_bytes -= oldest.message.size();
        }
    }

    /// The first of a line is done: the next may go.
    fn advance(&mut self, line: &Line) {
        let Some(numbers) = self.lines.get_mut(line) else { return };
        numbers.pop_front();
        match numbers.front().copied() {
            Some(next) => {
                let due = self.due_of(next, Duration::ZERO);
                self.ready.insert((due, next));
            }
            None => {
                self.lines.remove(line);
            }
        }
    }

    fn due_of(&self, number: u64, otherwise: Duration) -> Duration {
        match self.waiting.get(&number).map(|delivery| delivery.standing) {
            Some(Standing::Due(due)) => due,
            _ => otherwise,
        }
    }
}

fn line_of(message: &Message) -> Line {
    (message.endpoint.id.clone(), message.event.object.clone())
}

/// Whether a share of all is met.
fn chance(dice: Dice, share: f64) -> bool {
    share > 0.0 && dice.unit() < share
}

fn after(at: Duration, seconds: f64) -> Duration {
    at.saturating_add(Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::MAX))
}

fn jittered(seconds: f64, percent: u8, dice: Dice) -> f64 {
    let spread = f64::from(percent) / 100.0;
    seconds * (1.0 - spread + 2.0 * spread * dice.unit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::webhooks::delivery::{Endpoint, Event, Sent};
    use bytes::Bytes;
    use proptest::prelude::*;

    fn outbox(delays: &[f64], knobs: Knobs) -> Outbox {
        let retry = Retry { delays_seconds: delays.to_vec(), ..Retry::default() };
        let dice = Dice::of(7, "webhooks");
        Outbox::new(Policy { retry, order: Order::PerObject, knobs, dice })
    }

    fn message(id: &str, object: &str, endpoint: &str) -> Message {
        let event = Event {
            id: id.to_owned(),
            name: "a.b".to_owned(),
            object: object.to_owned(),
            created: Duration::ZERO,
        };
        let url = format!("http://127.0.0.1/{endpoint}");
        Message {
            id: format!("{id}-{endpoint}"),
            event: Arc::new(event),
            endpoint: Endpoint { id: endpoint.to_owned(), url, secret: String::new() },
            body: Bytes::from_static(b"{}"),
            headers: Vec::new(),
        }
    }

    fn attempt(at: Duration, status: u16) -> Attempt {
        let result = Sent::Answered { status, is_final: status == 410 };
        Attempt { at, took: Duration::ZERO, result }
    }

    fn seconds(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn what_is_called_off_is_not_sent_and_holds_nobody_up() {
        let mut outbox = outbox(&[], Knobs::default());
        let at = Duration::from_secs(10);
        for (id, object) in [("a", "x"), ("b", "x"), ("c", "y")] {
            outbox.queue(message(id, object, "e"), at);
        }
        outbox.forget("x");
        let due: Vec<_> = outbox.take_due(at, 9).into_iter().map(|one| one.number).collect();
        assert_eq!((due, outbox.waiting()), (vec![3], 1));
        // What is under way goes on.
        outbox.forget("y");
        assert_eq!(outbox.waiting(), 1);
        outbox.queue(message("d", "x", "e"), at);
        assert_eq!(outbox.take_due(at, 9).len(), 1);
    }

    #[test]
    fn a_failed_delivery_comes_again_by_the_schedule_and_then_no_more() {
        let mut outbox = outbox(&[60.0, 300.0], Knobs::default());
        outbox.queue(message("e1", "o1", "we"), seconds(0));
        for (due, next) in [(0, Some(60)), (60, Some(360)), (360, None)] {
            if due > 0 {
                assert!(outbox.take_due(seconds(due - 1), 9).is_empty());
            }
            let tickets = outbox.take_due(seconds(due), 9);
            assert_eq!(tickets.len(), 1);
            outbox.settle(tickets[0].number, attempt(seconds(due), 500), seconds(due));
            assert_eq!(outbox.next_due(), next.map(seconds));
        }
        assert!(outbox.is_idle());
        assert_eq!(outbox.to_json()[0]["state"], "failed");
        assert_eq!(outbox.to_json()[0]["attempts"].as_array().unwrap().len(), 3);
    }

    #[test]
    fn a_final_answer_ends_it_and_a_replay_has_the_same_event_id() {
        let mut outbox = outbox(&[60.0], Knobs::default());
        outbox.queue(message("e1", "o1", "we"), seconds(0));
        let number = outbox.take_due(seconds(0), 9)[0].number;
        outbox.settle(number, attempt(seconds(0), 410), seconds(0));
        assert!(outbox.is_idle());
        let again = outbox.replay(number, seconds(5)).unwrap();
        let tickets = outbox.take_due(seconds(5), 9);
        assert_eq!((tickets[0].number, &*tickets[0].message.event.id), (again, "e1"));
        assert!(outbox.replay(99, seconds(5)).is_none());
    }

    #[test]
    fn what_is_flushed_is_not_sent_a_second_time() {
        let mut outbox = outbox(&[3600.0], Knobs::default());
        outbox.queue(message("e1", "o1", "we"), seconds(0));
        outbox.queue(message("e2", "o2", "we"), seconds(0));
        let tickets = outbox.take_due(seconds(0), 9);
        outbox.settle(tickets[0].number, attempt(seconds(0), 200), seconds(0));
        outbox.settle(tickets[1].number, attempt(seconds(0), 500), seconds(0));
        assert_eq!(outbox.hasten(seconds(1)), 1);
        let again = outbox.take_due(seconds(1), 9);
        assert_eq!(
            again.iter().map(|ticket| &*ticket.message.event.id).collect::<Vec<_>>(),
            ["e2"]
        );
    }

    #[test]
    fn at_the_end_of_time_deliveries_wait_and_nothing_overflows() {
        let knobs = Knobs { reorder: 0.5, delay: 0.5, delay_seconds: 1e300, ..Knobs::default() };
        let mut outbox = outbox(&[1e300], knobs);
        for number in 0..40 {
            outbox.queue(message(&format!("{number:03}"), "one", "e"), Duration::MAX);
        }
        assert_eq!(outbox.waiting(), 40);
        let now = Duration::MAX;
        let due: Vec<_> = outbox.take_due(now, 100).iter().map(|ticket| ticket.number).collect();
        assert!(!due.is_empty());
        for number in due {
            outbox.settle(number, attempt(now, 500), now);
        }
        assert!(outbox.waiting() > 0, "what failed waits for a time that does not come");
    }

    #[test]
    fn the_knobs_duplicate_and_reorder() {
        let sent = |knobs: Knobs| {
            let mut outbox = outbox(&[], knobs);
            (0..4).for_each(|n| {
                outbox.queue(message(&format!("e{n}"), &format!("o{n}"), "we"), seconds(n));
            });
            let mut order = Vec::new();
            while !outbox.is_idle() {
                for ticket in outbox.take_due(seconds(60), 1) {
                    order.push(ticket.message.event.id.clone());
                    outbox.settle(ticket.number, attempt(seconds(60), 200), seconds(60));
                }
            }
            order
        };
        assert_eq!(sent(Knobs::default()), ["e0", "e1", "e2", "e3"]);
        let twice = Knobs { duplicate: 1.0, ..Knobs::default() };
        assert_eq!(sent(twice), ["e0", "e0", "e1", "e1", "e2", "e2", "e3", "e3"]);
        let shuffled = Knobs { reorder: 0.5, ..Knobs::default() };
        let order = sent(shuffled.clone());
        assert_ne!(order, ["e0", "e1", "e2", "e3"]);
        assert_eq!(sent(shuffled), order, "the same seed, the same order");
    }

    #[test]
    fn waiting_and_done_are_both_bounded() {
        let mut outbox = outbox(&[], Knobs::default());
        let many = u64::try_from(WAITING_MAX).unwrap() + 5;
        (0..many).for_each(|n| outbox.queue(message(&format!("e{n}"), "o", "we"), seconds(0)));
        assert_eq!((outbox.waiting(), outbox.dropped), (WAITING_MAX, 5));
        while let Some(ticket) = outbox.take_due(seconds(0), 1).pop() {
            outbox.settle(ticket.number, attempt(seconds(0), 200), seconds(0));
        }
        assert_eq!(outbox.to_json().as_array().unwrap().len(), SETTLED_MAX);
        assert_eq!(outbox.waiting_bytes, 0);
        assert!(outbox.lines.is_empty());
    }

    #[test]
    fn what_large_deliveries_take_is_bounded_too() {
        let mut outbox = outbox(&[], Knobs::default());
        for number in 0..40 {
            let body = Bytes::from(vec![b'x'; 1 << 20]);
            let large = Message { body, ..message(&format!("e{number}"), "o", "we") };
            outbox.queue(large, seconds(0));
        }
        assert!(outbox.waiting() < 40 && outbox.dropped > 0);
        assert!(outbox.bytes() <= WAITING_BYTES_MAX, "{}", outbox.bytes());
        while let Some(ticket) = outbox.take_due(seconds(0), 1).pop() {
            outbox.settle(ticket.number, attempt(seconds(0), 200), seconds(0));
        }
        assert!(outbox.bytes() <= SETTLED_BYTES_MAX, "{}", outbox.bytes());
        assert!(!outbox.to_json().as_array().unwrap().is_empty());
    }

    proptest! {
        /// Whatever fails and however long it takes, an endpoint sees the events of one object
        /// first in the order in which they happened.
        #[test]
        fn the_deliveries_of_one_object_go_in_order(
            events in prop::collection::vec((0..3_u8, 0..2_u8), 1..30),
            answers in prop::collection::vec(any::<bool>(), 1..60),
        ) {
            let mut outbox = outbox(&[1.0, 5.0], Knobs::default());
            for (number, (object, endpoint)) in events.iter().enumerate() {
                let (object, endpoint) = (format!("o{object}"), format!("w{endpoint}"));
                outbox.queue(message(&format!("{number:03}"), &object, &endpoint), Duration::ZERO);
            }
            let mut answers = answers.into_iter().cycle();
            let mut settled: HashMap<Line, Vec<String>> = HashMap::new();
            let mut now = Duration::ZERO;
            while let Some(due) = outbox.next_due() {
                now = now.max(due);
                let tickets = outbox.take_due(now, 4);
                // What is under way at once is of different lines.
                let lines: BTreeSet<_> = tickets.iter().map(|one| line_of(&one.message)).collect();
                prop_assert_eq!(lines.len(), tickets.len());
                for ticket in tickets.into_iter().rev() {
                    let seen = settled.entry(line_of(&ticket.message)).or_default();
                    if seen.last() != Some(&ticket.message.event.id) {
                        seen.push(ticket.message.event.id.clone());
                    }
                    let status = if answers.next() == Some(true) { 200 } else { 503 };
                    outbox.settle(ticket.number, attempt(now, status), now);
                }
            }
            prop_assert!(outbox.is_idle());
            prop_assert_eq!(settled.values().map(Vec::len).sum::<usize>(), events.len());
            for ids in settled.values() {
                prop_assert!(ids.is_sorted());
            }
        }
    }
}
