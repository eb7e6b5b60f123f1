//! The fields met at one place, as a trie that remembers what the model says of each.

use std::collections::BTreeSet;
use std::sync::Arc;

use models::{Class, Classes, FieldPath, Model, Place, Step, View};
use rustc_hash::FxHashMap;

use super::mark::Mark;
use super::vocabulary::Vocabulary;
use super::word;
use crate::intake::Links;
use crate::key::LakeKey;

/// Index of a node in its [`Trie`]; the root is 0.
pub(crate) type NodeId = u32;

/// Children of an object beyond which further unknown keys are taken for data, not fields.
const KEYS_MAX: usize = 512;
/// Start of every path's hash; part of the lake's format, as [`hash`] and [`mix`] are.
const PATH_SEED: u64 = 0xcbf2_9ce4_8422_2325;
/// Children up to which a list is searched faster than a table.
const SCANNED_KEYS_MAX: usize = 8;

/// The fields of one place's bodies.
#[derive(Debug)]
pub(crate) struct Trie {
    model: Arc<Model>,
    place: Place,
    /// Names of query parameters, as the model has them.
    parameters: BTreeSet<String>,
    nodes: Vec<Node>,
    /// Of each node.
    known: Vec<Known>,
    /// Nodes visited by the present body, in order of first visit.
    pub(crate) touched: Vec<NodeId>,
    generation: u32,
}

/// One field (or array's items, or map's values) and what the present body shows of it: what every
/// body touches, in one line of the processor's cache.
///
/// The fields of an API's places are megabytes together, and each exchange goes through those of
/// another place: how many lines of memory a field takes is what finding it costs.
#[derive(Debug)]
#[repr(align(64))]
pub(crate) struct Node {
    /// Of the steps from the root.
    pub(crate) path_hash: u64,
    /// Of the steps from the owner.
    pub(crate) key_hash: u64,
    /// Of the fields owned, as the present body shows them.
    pub(crate) sum: u64,
    /// The nearest enclosing object, itself for the root.
    pub(crate) owner: NodeId,
    stamp: u32,
    /// Times visited in the present body.
    pub(crate) count: u32,
    /// Times visited as a record.
    pub(crate) objects: u32,
    /// Classes seen in the present body.
    pub(crate) classes: Classes,
    /// Where the next key is looked for first.
    expected: u32,
    /// Of an array; 0, the root, where there are none.
    items: NodeId,
    /// Upper half of the rank from which on identifiers are not sampled: most of a long segment's are
    /// turned away here.
    sampled_below: u32,
    /// Reached by a key.
    pub(crate) is_field: bool,
    /// The keys of this object are data.
    pub(crate) folds: bool,
    /// Holds identifiers that other paths may show.
    pub(crate) is_link: bool,
    /// Which object it is the identity of.
    pub(crate) identity: Identity,
    /// The model lists its values.
    is_listed: bool,
    /// Its values are no vocabulary.
    is_open: bool,
}

/// Which object a field is the identity of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Identity {
    /// Of none.
    None,
    /// The body's own object.
    OfBody,
    /// An item of an array.
    OfItem,
}

impl Identity {
    fn at(path: &[Step]) -> Self {
        match path {
            [Step::Field(name)] if word::is_own_id_name(name) => Identity::OfBody,
            [.., Step::Items, Step::Field(name)] if word::is_own_id_name(name) => Identity::OfItem,
            _ => Identity::None,
        }
    }
}

/// What is known of a field over all bodies.
#[derive(Debug, Default)]
pub(crate) struct Known {
    parent: NodeId,
    step: Option<Step>,
    children: Vec<Child>,
    table: FxHashMap<Box<[u8]>, NodeId>,
    values: Option<NodeId>,
    pub(crate) vocabulary: Vocabulary,
    /// Pseudonyms of the identifiers it held.
    pub(crate) links: Links,
}

/// A key of an object and where it leads.
#[derive(Debug)]
struct Child {
    mark: Mark,
    key: Box<[u8]>,
    node: NodeId,
}

impl Child {
    fn new(key: &[u8], node: NodeId) -> Self {
        Self { mark: Mark::of(key), key: key.into(), node }
    }

    #[inline]
    fn is(&self, mark: Mark, key: &[u8]) -> bool {
        self.mark.is_same(&self.key, mark, key)
    }
}

impl Trie {
    pub(crate) fn new(model: Arc<Model>, place: Place) -> Self {
        let mut root = Node::new(0, PATH_SEED, 0);
        let view = View::at(&model, &place);
        root.folds = view.as_ref().is_some_and(View::is_map);
        let parameters = view.iter().flat_map(View::query).map(|(name, _)| name.to_owned());
        let parameters = parameters.collect();
        let (nodes, known) = (vec![root], vec![Known::default()]);
        Self { model, place, parameters, nodes, known, touched: Vec::new(), generation: 0 }
    }

    /// Where these bodies are seen.
    pub(crate) fn place(&self) -> &Place {
        &self.place
    }

    /// Forgets the body before; the root is there even where there is no body.
    pub(crate) fn begin(&mut self) {
        self.touched.clear();
        self.generation = self.generation.wrapping_add(1);
        if self.generation == 0 {
            self.nodes.iter_mut().for_each(|node| node.stamp = 0);
            self.generation = 1;
        }
        self.touch(0);
    }

    pub(crate) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id as usize]
    }

    pub(crate) fn node_mut(&mut self, id: NodeId) -> &mut Node {
        &mut self.nodes[id as usize]
    }

    pub(crate) fn known_mut(&mut self, id: NodeId) -> &mut Known {
        &mut self.known[id as usize]
    }

    /// Samples an identifier that the field held; its rank decides alone.
    #[inline]
    pub(crate) fn sample(&mut self, id: NodeId, key: &LakeKey, identifier: &[u8]) {
        let rank = key.rank(identifier);
        let node = &mut self.nodes[id as usize];
        if upper_half(rank) > node.sampled_below {
            return;
        }
        let links = &mut self.known[id as usize].links;
        links.insert(rank, || key.link(identifier));
        node.sampled_below = links.bound().map_or(u32::MAX, upper_half);
    }

    /// Starts the next segment: tokens are counted anew and identifiers sampled anew.
    pub(crate) fn begin_segment(&mut self) {
        for (node, known) in self.nodes.iter_mut().zip(&mut self.known) {
            known.vocabulary.begin_segment();
            known.links.clear();
            node.sampled_below = u32::MAX;
        }
    }

    /// Of every field, in order of their ids.
    pub(crate) fn all_known(&self) -> impl Iterator<Item = &Known> {
        self.known.iter()
    }

    pub(crate) fn all_known_mut(&mut self) -> impl Iterator<Item = (NodeId, &mut Known)> {
        (0..).zip(self.known.iter_mut())
    }

    /// Whether the model lists values of the field that read as numbers or booleans.
    pub(crate) fn lists_scalars(&self, id: NodeId) -> bool {
        self.known[id as usize].vocabulary.lists_scalars()
    }

    /// The slot of a string in the field's vocabulary, if it is to be counted. Where the model does not
    /// list the field's values, only texts without a format are.
    #[inline]
    pub(crate) fn slot(&mut self, id: NodeId, class: Class, text: &[u8]) -> Option<usize> {
        let node = &mut self.nodes[id as usize];
        if node.is_open || !(node.is_listed || class as u8 == Class::Text as u8) {
            return None;
        }
        let vocabulary = &mut self.known[id as usize].vocabulary;
        let slot = vocabulary.slot(text);
        node.is_open = vocabulary.open;
        slot
    }

    /// Notes that the present body has a value of this class here.
    #[inline]
    pub(crate) fn visit(&mut self, id: NodeId, class: Class) {
        if self.nodes[id as usize].stamp != self.generation {
            self.touch(id);
        }
        let node = &mut self.nodes[id as usize];
        node.classes = node.classes.union(class.mask());
        node.count += 1;
        node.objects += u32::from(class as u8 == Class::Object as u8);
        node.expected = 0;
    }

    fn touch(&mut self, id: NodeId) {
        let node = &mut self.nodes[id as usize];
        node.stamp = self.generation;
        node.classes = Classes::NONE;
        node.count = 0;
        node.objects = 0;
        node.sum = 0;
        self.touched.push(id);
    }

    /// The field of an object by its key's raw bytes; keys that are data lead to the map's values.
    #[inline]
    pub(crate) fn field(&mut self, object: NodeId, key: &[u8]) -> NodeId {
        let node = &mut self.nodes[object as usize];
        if node.folds {
            return self.values(object);
        }
        // Objects of one route list their keys in one order: look where the last look left off.
        let mark = Mark::of(key);
        let children = &self.known[object as usize].children;
        let ahead = (node.expected..).zip(children.iter().skip(node.expected as usize).take(3));
        for (index, child) in ahead {
            if child.is(mark, key) {
                node.expected = index + 1;
                return child.node;
            }
        }
        self.field_out_of_order(object, mark, key)
    }

    fn field_out_of_order(&mut self, object: NodeId, mark: Mark, key: &[u8]) -> NodeId {
        let known = &self.known[object as usize];
        let child = if known.children.len() <= SCANNED_KEYS_MAX {
            known.children.iter().find(|child| child.is(mark, key)).map(|child| child.node)
        } else {
            known.table.get(key).copied()
        };
        if let Some(child) = child {
            return child;
        }
        self.add_field(object, key)
    }

    #[cold]
    fn add_field(&mut self, object: NodeId, key: &[u8]) -> NodeId {
        let name = decoded_key(key);
        let in_model =
            self.view_of(object).is_some_and(|view| view.fields().contains_key(name.as_str()));
        let full = self.known[object as usize].children.len() >= KEYS_MAX;
        let is_name = word::is_field_name(name.as_bytes()) && !full;
        let id = if in_model || is_name {
            self.add(object, Step::Field(name.clone()), key)
        } else {
            self.values(object)
        };
        let known = &mut self.known[object as usize];
        if !full || in_model {
            known.children.push(Child::new(key, id));
            known.table.insert(key.into(), id);
        }
        id
    }

    /// Whether the model has a query parameter of this very name.
    pub(crate) fn has_parameter(&self, name: &str) -> bool {
        self.parameters.contains(name)
    }

    /// The query parameter of a request, kept apart from the body's fields.
    pub(crate) fn query(&mut self, name: &str) -> NodeId {
        let key = format!("?{name}");
        let known = self.known[0].table.get(key.as_bytes()).copied();
        known.unwrap_or_else(|| {
            let id = self.add(0, Step::Query(name.to_owned()), key.as_bytes());
            self.known[0].table.insert(key.as_bytes().into(), id);
            // In the list too, so that the list's length tells which of both is searched.
            self.known[0].children.push(Child::new(key.as_bytes(), id));
            id
        })
    }

    /// The items of an array.
    #[inline]
    pub(crate) fn items(&mut self, array: NodeId) -> NodeId {
        let known = self.nodes[array as usize].items;
        if known != 0 {
            return known;
        }
        let id = self.add(array, Step::Items, b"[]");
        self.nodes[array as usize].items = id;
        id
    }

    /// The values of a map.
    pub(crate) fn values(&mut self, map: NodeId) -> NodeId {
        if let Some(id) = self.known[map as usize].values {
            return id;
        }
        let id = self.add(map, Step::Values, b"{}");
        self.known[map as usize].values = Some(id);
        id
    }

    pub(crate) fn ids(&self) -> impl Iterator<Item = NodeId> + use<> {
        0..NodeId::try_from(self.nodes.len()).expect("ids are of this type")
    }

    /// The steps from the root.
    pub(crate) fn path(&self, id: NodeId) -> FieldPath {
        self.steps_from(id, 0)
    }

    /// The steps from the owner.
    pub(crate) fn key(&self, id: NodeId) -> FieldPath {
        self.steps_from(id, self.nodes[id as usize].owner)
    }

    fn steps_from(&self, mut id: NodeId, top: NodeId) -> FieldPath {
        let mut steps = Vec::new();
        while id != top {
            let known = &self.known[id as usize];
            steps.extend(known.step.clone());
            id = known.parent;
        }
        steps.reverse();
        FieldPath(steps)
    }

    fn add(&mut self, parent: NodeId, step: Step, key: &[u8]) -> NodeId {
        let id = NodeId::try_from(self.nodes.len()).expect("a place has fewer than 2^32 fields");
        let above = &self.nodes[parent as usize];
        let via_object = matches!(step, Step::Field(_) | Step::Query(_));
        let owner = if via_object { parent } else { above.owner };
        let from_owner = if via_object { 0 } else { above.key_hash };
        let path_hash = mix(above.path_hash, hash(key));
        let key_hash = mix(from_owner, hash(key));
        let is_field = matches!(step, Step::Field(_));
        self.nodes.push(Node { is_field, ..Node::new(owner, path_hash, key_hash) });
        self.known.push(Known { parent, step: Some(step), ..Known::default() });
        self.apply_rule(id);
        id
    }

    fn apply_rule(&mut self, id: NodeId) {
        let view_is_map = self.view_of(id).map(|view| {
            (
                view.is_map(),
                view.enumeration().map(|values| {
                    values.into_iter().map(|value| value.as_bytes().into()).collect()
                }),
            )
        });
        let path = self.path(id);
        let name = match path.0.last() {
            Some(Step::Field(name) | Step::Query(name)) => name.clone(),
            _ => String::new(),
        };
        let node = &mut self.nodes[id as usize];
        node.identity = Identity::at(&path.0);
        node.is_link = node.identity != Identity::None || word::is_id_name(&name);
        let (is_map, closed) = view_is_map.unwrap_or_else(|| (word::is_bag_name(&name), None));
        node.folds = is_map;
        let vocabulary = Vocabulary::of(closed);
        node.is_listed = vocabulary.is_listed();
        self.known[id as usize].vocabulary = vocabulary;
    }

    /// Whether the present body is none the model has here: most of its top fields are unknown, and
    /// few of the model's are there.
    pub(crate) fn misfits(&self) -> bool {
        let Some(view) = self.view_of(0).filter(|view| !view.is_opaque_object()) else {
            return false;
        };
        let known = view.fields();
        let touched = self.touched.iter().map(|&id| &self.known[id as usize]);
        let shown = touched.filter_map(|known| match &known.step {
            Some(Step::Field(name)) if known.parent == 0 => Some(name.as_str()),
            _ => None,
        });
        let (hits, strangers): (Vec<_>, Vec<_>) = shown.partition(|name| known.contains_key(name));
        strangers.len() > hits.len() && hits.len() * 4 < known.len()
    }

    /// What the model allows here; `None` where it does not have the field or says nothing of it.
    fn view_of(&self, id: NodeId) -> Option<View<'_>> {
        let mut view = View::at(&self.model, &self.place)?;
        for step in &self.path(id).0 {
            view = view.step(step)?;
        }
        (!view.says_nothing()).then_some(view)
    }
}

impl Node {
    fn new(owner: NodeId, path_hash: u64, key_hash: u64) -> Self {
        Self {
            path_hash,
            key_hash,
            sum: 0,
            owner,
            stamp: 0,
            count: 0,
            objects: 0,
            classes: Classes::NONE,
            expected: 0,
            items: 0,
            sampled_below: u32::MAX,
            is_field: false,
            folds: false,
            is_link: false,
            identity: Identity::None,
            is_listed: false,
            is_open: false,
        }
    }
}

impl Known {
    /// Holds addresses: parts of them are the wording of paths as well as names.
    pub(crate) fn is_url(&self) -> bool {
        matches!(&self.step, Some(Step::Field(name)) if name == "url" || name.ends_with("_url"))
    }
}

fn upper_half(rank: u64) -> u32 {
    (rank >> 32) as u32
}

/// A key as text; JSON escapes undone, bytes that are no UTF-8 replaced.
fn decoded_key(raw: &[u8]) -> String {
    let text = String::from_utf8_lossy(raw);
    if !text.contains('\\') {
        return text.into_owned();
    }
    serde_json::from_str(&format!("\"{text}\"")).unwrap_or_else(|_| text.into_owned())
}

/// FNV-1a; stored in the lake, so it must not depend on the build.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |state, byte| {
        (state ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Spreads two words over one (the finaliser of `SplitMix64`).
pub(crate) fn mix(one: u64, other: u64) -> u64 {
    let mut word = one.rotate_left(23) ^ other.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}
