//! What the simulated vendor knows: customers, their invoices, what was paid, what is disputed.

use serde_json::{Map, Value, json};

/// What the vendor has shipped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Release {
    /// As the twin learns it.
    First,
    /// Customers have a loyalty tier and no fax, amounts paid are text, invoices can be disputed,
    /// there is a list of disputes, and half as many requests a minute.
    Second,
}

impl Release {
    /// Requests a key may make in a minute.
    pub(crate) const fn limit(self) -> u32 {
        match self {
            Self::First => 60,
            Self::Second => 30,
        }
    }
}

/// The vendor's objects. Everything random comes from the seed.
#[derive(Debug)]
pub(super) struct World {
    dice: Dice,
    pub(super) release: Release,
    objects: Vec<Object>,
}

#[derive(Debug)]
struct Object {
    collection: Collection,
    /// The key it was made with, which alone sees it.
    owner: String,
    id: String,
    fields: Map<String, Value>,
}

impl Object {
    fn is(&self, owner: &str, collection: Collection, id: &str) -> bool {
        self.collection == collection && self.id == id && self.owner == owner
    }
}

/// The vendor's collections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Collection {
    Customers,
    Invoices,
    Payments,
    Disputes,
}

impl Collection {
    /// The collection a path names, if there is one in the release.
    pub(super) fn named(name: &str, release: Release) -> Option<Self> {
        match name {
            "customers" => Some(Self::Customers),
            "invoices" => Some(Self::Invoices),
            "payments" => Some(Self::Payments),
            "disputes" if release == Release::Second => Some(Self::Disputes),
            _ => None,
        }
    }

    const fn prefix(self) -> &'static str {
        match self {
            Self::Customers => "cus",
            Self::Invoices => "inv",
            Self::Payments => "pay",
            Self::Disputes => "dsp",
        }
    }
}

/// Items of a page; what a collection holds beyond is on the next one.
const PAGE_ITEMS_MAX: usize = 5;

impl World {
    pub(super) fn new(seed: u64) -> Self {
        Self { dice: Dice(seed), release: Release::First, objects: Vec::new() }
    }

    /// Makes an object of what the caller sent and what the vendor adds.
    pub(super) fn create(
        &mut self,
        owner: &str,
        collection: Collection,
        sent: Map<String, Value>,
    ) -> Value {
        let id = format!("{}_{}", collection.prefix(), self.dice.text(14));
        let mut fields = self.made(collection);
        fields.extend(sent);
        fields.insert("id".to_owned(), id.clone().into());
        if collection == Collection::Invoices && self.dice.below(4) == 0 {
            let invoice = json!({"invoice": id, "reason": "fraudulent", "amount": fields["total"]});
            self.dispute(owner, invoice);
        }
        self.objects.push(Object { collection, owner: owner.to_owned(), id, fields });
        self.shown(self.objects.last().expect("pushed just now"))
    }

    fn dispute(&mut self, owner: &str, fields: Value) {
        let id = format!("{}_{}", Collection::Disputes.prefix(), self.dice.text(14));
        let Value::Object(mut fields) = fields else { return };
        fields.insert("id".to_owned(), id.clone().into());
        let (collection, owner) = (Collection::Disputes, owner.to_owned());
        self.objects.push(Object { collection, owner, id, fields });
    }

    fn made(&mut self, collection: Collection) -> Map<String, Value> {
        let created_at = chrono::Utc::now().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
        let dice = &mut self.dice;
        let fields = match collection {
            Collection::Customers => json!({
                "currency": dice.one_of(&["eur", "usd", "gbp"]),
                "fax": format!("+49 30 {}", dice.below(9_000_000) + 1_000_000),
                "loyalty_tier": dice.one_of(&["basic", "plus", "premium"]),
            }),
            Collection::Invoices => json!({
                "status": dice.one_of(&["draft", "open", "paid", "void"]),
                "due_at": if dice.below(3) == 0 { Value::Null } else { json!(created_at) },
                "lines": (0..=dice.below(3)).map(|_| dice.line()).collect::<Vec<_>>(),
            }),
            Collection::Payments => json!({
                "method": dice.one_of(&["card", "bank_transfer", "wallet"]),
                "captured": dice.below(2) == 0,
            }),
            Collection::Disputes => json!({}),
        };
        let Value::Object(mut fields) = fields else { return Map::new() };
        fields.insert("created_at".to_owned(), created_at.into());
        fields
    }

    pub(super) fn read(&self, owner: &str, collection: Collection, id: &str) -> Option<Value> {
        let mut all = self.objects.iter();
        let found = all.find(|object| object.is(owner, collection, id));
        found.map(|object| self.shown(object))
    }

    pub(super) fn update(
        &mut self,
        owner: &str,
        collection: Collection,
        id: &str,
        sent: Map<String, Value>,
    ) -> Option<Value> {
        let mut all = self.objects.iter_mut();
        let found = all.find(|object| object.is(owner, collection, id))?;
        found.fields.extend(sent);
        self.read(owner, collection, id)
    }

    pub(super) fn delete(&mut self, owner: &str, collection: Collection, id: &str) -> bool {
        let before = self.objects.len();
        self.objects.retain(|object| !object.is(owner, collection, id));
        self.objects.len() < before
    }

    /// The newest objects.
    pub(super) fn page(&self, owner: &str, collection: Collection) -> Value {
        let is_of_it = |object: &&Object| object.collection == collection && object.owner == owner;
        let of_it = || self.objects.iter().filter(is_of_it);
        let newest: Vec<_> =
            of_it().rev().take(PAGE_ITEMS_MAX).map(|object| self.shown(object)).collect();
        json!({"data": newest, "has_more": of_it().count() > PAGE_ITEMS_MAX})
    }

    /// The object as the release answers it.
    fn shown(&self, object: &Object) -> Value {
        let mut shown = object.fields.clone();
        match (object.collection, self.release) {
            (Collection::Customers, Release::First) => drop(shown.remove("loyalty_tier")),
            (Collection::Customers, Release::Second) => drop(shown.remove("fax")),
            (Collection::Payments, Release::Second) => {
                let cents = shown.get("amount").and_then(Value::as_u64).unwrap_or_default();
                let amount = format!("{}.{:02}", cents / 100, cents % 100);
                shown.insert("amount".to_owned(), amount.into());
            }
            (Collection::Invoices, Release::Second) if self.is_disputed(&object.id) => {
                shown.insert("status".to_owned(), "disputed".into());
            }
            _ => {}
        }
        Value::Object(shown)
    }

    fn is_disputed(&self, invoice: &str) -> bool {
        let mut disputes =
            self.objects.iter().filter(|object| object.collection == Collection::Disputes);
        disputes.any(|dispute| dispute.fields["invoice"] == invoice)
    }
}

/// `SplitMix64`: small, and the same everywhere.
#[derive(Debug)]
pub(super) struct Dice(pub(super) u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(super) fn below(&mut self, end: u64) -> u64 {
        self.roll() % end
    }

    pub(super) fn one_of(&mut self, words: &[&'static str]) -> &'static str {
        let index = self.below(words.len() as u64);
        words[usize::try_from(index).expect("below a length")]
    }

    pub(super) fn text(&mut self, letters: usize) -> String {
        const ALPHABET: &[u8] = b"0123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
        let mut letter = || {
            let index = self.below(ALPHABET.len() as u64);
            char::from(ALPHABET[usize::try_from(index).expect("below a length")])
        };
        (0..letters).map(|_| letter()).collect()
    }

    fn line(&mut self) -> Value {
        let what = self.one_of(&["Support, one month", "Setup and training", "Seats, yearly plan"]);
        json!({"description": format!("{what} ({})", self.below(1000)),
            "quantity": self.below(9) + 1, "amount": self.below(90_000) + 100})
    }
}
