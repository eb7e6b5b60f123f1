//! How much of a vendor's API a twin has: which routes behave, which have their shape only, which are absent.

use models::Model;
use models::behaviour::{Coverage as Declared, Routes, TwinDocument};
use serde::Serialize;

/// Every route of a twin by how much of it there is, and what the vendor has beside them.
///
/// Worked out from the model and the handlers, so that it cannot say more than there is: what
/// `coverage` in `twin.json` adds is only which of the routes that the engine answers from state
/// behave as the vendor's do, and what is known to be missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Coverage {
    /// Answered by a handler, or from state as the vendor does.
    pub behavioural: Vec<String>,
    /// Answered with what the model says of the answer; what was written is kept and shown.
    pub shape_only: Vec<String>,
    /// Known of the vendor's API and not in the model: paths, `*` for what follows.
    pub absent: Vec<String>,
}

impl Coverage {
    /// What a twin of this model and these documents has.
    pub fn of(model: &Model, document: &TwinDocument, routes: &Routes) -> Self {
        let declared = &document.coverage;
        let handled: Vec<String> = routes.handlers().map(|(key, _)| key).collect();
        let hooked = |key| {
            let route: &models::Route = &model.routes[key];
            route.variants.values().any(|variant| variant.lua_hook.is_some())
        };
        let (mut behavioural, mut shape_only) = (Vec::new(), Vec::new());
        for key in model.routes.keys() {
            let name = key.as_str().to_owned();
            if handled.contains(&name) || hooked(key) || behaves(declared, key.path()) {
                behavioural.push(name);
            } else {
                shape_only.push(name);
            }
        }
        Self { behavioural, shape_only, absent: declared.absent.clone() }
    }
}

/// Whether a path is that of a collection that is declared to behave, of its items, or of its search.
fn behaves(declared: &Declared, path: &str) -> bool {
    declared.behavioural.iter().any(|one| match path.strip_prefix(one.as_str()) {
        Some("" | "/search") => true,
        Some(rest) => {
            let item = rest.strip_prefix("/{").and_then(|rest| rest.strip_suffix('}'));
            item.is_some_and(|name| !name.contains('/'))
        }
        None => false,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::catalog::CATALOG;
    use crate::program::Program;

    #[test]
    fn what_the_catalog_declares_is_so() {
        for entry in CATALOG {
            let (model, behaviour) = (entry.model().unwrap(), entry.behaviour().unwrap());
            let declared = &behaviour.document.coverage;
            let program = Program::compile(Arc::new(model.clone()));
            let handled: Vec<String> = behaviour.routes.handlers().map(|(key, _)| key).collect();
            for path in &declared.behavioural {
                let own = Declared { behavioural: vec![path.clone()], ..Declared::default() };
                let covered = |key: &&models::RouteKey| behaves(&own, key.path());
                assert!(
                    model.routes.keys().any(|key| covered(&key)),
                    "{}: no route at {path}",
                    entry.name
                );
                // The engine behaves only where it knows what a route does to the state.
                for (number, key) in model.routes.keys().enumerate() {
                    let engines = covered(&key) && !handled.iter().any(|one| one == key.as_str());
                    assert!(
                        !engines || program.action(number).target.is_some(),
                        "{}: {} is declared behavioural and keeps no state",
                        entry.name,
                        key.as_str()
                    );
                }
            }
            for path in &declared.absent {
                let begins = path.trim_end_matches('*');
                let there = |key: &models::RouteKey| {
                    key.path() == path || (path.ends_with('*') && key.path().starts_with(begins))
                };
                assert!(
                    !model.routes.keys().any(there),
                    "{}: {path} is declared absent and is in the model",
                    entry.name
                );
            }
            let coverage = Coverage::of(&model, &behaviour.document, &behaviour.routes);
            let all = coverage.behavioural.len() + coverage.shape_only.len();
            assert_eq!(all, model.routes.len(), "{}", entry.name);
        }
    }
}
