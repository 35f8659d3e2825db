//! The walk over a statement that finds every name of a column and where it stands.

use std::ops::ControlFlow;

use datafusion::sql::planner::object_name_to_table_reference;
use datafusion::sql::sqlparser::ast::{
    AccessExpr, Cte, ExcludeSelectItem, Expr, Ident, JoinConstraint, JoinOperator, ObjectName,
    ObjectNamePart, Query, Select, SelectItem, SelectItemQualifiedWildcardKind, SetExpr,
    TableAlias, TableFactor, TableWithJoins, VisitMut, VisitorMut, WildcardAdditionalOptions, With,
};
use tifusion_schema::model::ci_str::to_lower;

use super::TableColumns;
use super::scope::{Columns, Relation, Scope, spelling_in};
use crate::error::{Error, Result};

/// Respells the names of columns in queries.
pub(super) struct Speller<'t> {
    tables: &'t TableColumns,
    lower_case: bool,
    /// Common table expressions in scope, the innermost last.
    ctes: Vec<(String, Columns)>,
    error: Option<Error>,
}

impl<'t> Speller<'t> {
    /// A speller that knows `tables`.
    pub(super) fn new(tables: &'t TableColumns, lower_case: bool) -> Self {
        Self { tables, lower_case, ctes: Vec::new(), error: None }
    }

    /// The first error met.
    pub(super) fn finish(self) -> Result<()> {
        self.error.map_or(Ok(()), Err)
    }

    /// Respells a query; the names of its columns come back.
    pub(super) fn query(&mut self, query: &mut Query, parent: Option<&Scope<'_>>) -> Columns {
        let outer_ctes = self.ctes.len();
        if let Some(With { recursive, cte_tables, .. }) = &mut query.with {
            for cte in cte_tables {
                self.cte(cte, *recursive, parent);
            }
        }
        let (relations, outputs) = match &mut *query.body {
            SetExpr::Select(select) => self.select(select, parent),
            body => {
                let outputs = self.set_expr(body, parent);
                (vec![Relation { name: Vec::new(), columns: outputs.clone() }], outputs)
            }
        };
        let names = outputs.as_deref().unwrap_or_default();
        let scope = Scope { relations: &relations, outputs: names, outputs_first: true, parent };
        self.expressions(&mut query.order_by, &scope);
        self.expressions(&mut query.limit_clause, &scope);
        self.expressions(&mut query.fetch, &scope);
        self.ctes.truncate(outer_ctes);
        outputs
    }

    fn cte(&mut self, cte: &mut Cte, recursive: bool, parent: Option<&Scope<'_>>) {
        let name = self.effective(&cte.alias.name);
        if recursive
            && cte.query.with.is_none()
            && let SetExpr::SetOperation { left, right, .. } = &mut *cte.query.body
        {
            let columns = self.set_expr(left, parent);
            let columns = self.renamed(columns, &cte.alias);
            self.ctes.push((name, columns));
            self.set_expr(right, parent);
        } else {
            let columns = self.query(&mut cte.query, parent);
            let columns = self.renamed(columns, &cte.alias);
            self.ctes.push((name, columns));
        }
    }

    fn set_expr(&mut self, body: &mut SetExpr, parent: Option<&Scope<'_>>) -> Columns {
        match body {
            SetExpr::Select(select) => self.select(select, parent).1,
            SetExpr::Query(query) => self.query(query, parent),
            SetExpr::SetOperation { left, right, .. } => {
                let columns = self.set_expr(left, parent);
                self.set_expr(right, parent);
                columns
            }
            SetExpr::Values(values) => {
                let width = values.rows.first().map_or(0, |row| row.len());
                let nothing = Scope { relations: &[], outputs: &[], outputs_first: false, parent };
                self.expressions(values, &nothing);
                Some((1..=width).map(|index| format!("column{index}")).collect())
            }
            _ => None,
        }
    }

    /// Respells a `SELECT`; what its `FROM` brought and the names of its columns come back.
    fn select(
        &mut self,
        select: &mut Select,
        parent: Option<&Scope<'_>>,
    ) -> (Vec<Relation>, Columns) {
        let mut relations = Vec::new();
        for table in &mut select.from {
            self.table_with_joins(table, &mut relations, parent);
        }
        let scope = Scope { relations: &relations, outputs: &[], outputs_first: false, parent };
        self.expressions(&mut select.lateral_views, &scope);
        self.expressions(&mut select.prewhere, &scope);
        self.expressions(&mut select.selection, &scope);
        let mut outputs = Some(Vec::new());
        for item in &mut select.projection {
            self.select_item(item, &scope, &mut outputs);
        }
        let scope = Scope { outputs: outputs.as_deref().unwrap_or_default(), ..scope };
        self.expressions(&mut select.distinct, &scope);
        self.expressions(&mut select.group_by, &scope);
        self.expressions(&mut select.cluster_by, &scope);
        self.expressions(&mut select.distribute_by, &scope);
        self.expressions(&mut select.sort_by, &scope);
        self.expressions(&mut select.having, &scope);
        self.expressions(&mut select.named_window, &scope);
        self.expressions(&mut select.qualify, &scope);
        (relations, outputs)
    }

    /// Respells an item of the `SELECT` list and adds the names that it gives to `outputs`.
    fn select_item(&mut self, item: &mut SelectItem, scope: &Scope<'_>, outputs: &mut Columns) {
        let named = match item {
            SelectItem::UnnamedExpr(expr) => {
                self.expressions(expr, scope);
                match expr {
                    Expr::Identifier(ident) => Some(vec![self.effective(ident)]),
                    Expr::CompoundIdentifier(parts) => {
                        Some(parts.last().map(|ident| self.effective(ident)).into_iter().collect())
                    }
                    _ => Some(Vec::new()),
                }
            }
            SelectItem::ExprWithAlias { expr, alias } => {
                self.expressions(expr, scope);
                Some(vec![self.effective(alias)])
            }
            SelectItem::ExprWithAliases { expr, aliases } => {
                self.expressions(expr, scope);
                Some(aliases.iter().map(|alias| self.effective(alias)).collect())
            }
            SelectItem::Wildcard(options) => {
                self.wildcard_options(options, scope);
                all_columns(scope.relations)
            }
            SelectItem::QualifiedWildcard(kind, options) => {
                self.wildcard_options(options, scope);
                self.qualified_wildcard(kind, scope)
            }
        };
        *outputs = outputs.take().zip(named).map(|(mut all, named)| {
            all.extend(named);
            all
        });
    }

    fn qualified_wildcard(
        &mut self,
        kind: &mut SelectItemQualifiedWildcardKind,
        scope: &Scope<'_>,
    ) -> Columns {
        match kind {
            SelectItemQualifiedWildcardKind::Expr(expr) => {
                self.expressions(expr, scope);
                None
            }
            SelectItemQualifiedWildcardKind::ObjectName(name) => {
                let parts = self.effective_parts(name);
                respell_name(name, scope.qualifier(&parts));
                let parts = self.effective_parts(name);
                scope.relation(&parts).and_then(|(relation, _)| relation.columns.clone())
            }
        }
    }

    fn wildcard_options(&mut self, options: &mut WildcardAdditionalOptions, scope: &Scope<'_>) {
        match &mut options.opt_exclude {
            Some(ExcludeSelectItem::Single(name)) => self.column_name(name, scope),
            Some(ExcludeSelectItem::Multiple(names)) => {
                names.iter_mut().for_each(|name| self.column_name(name, scope));
            }
            None => {}
        }
        if let Some(except) = &mut options.opt_except {
            self.ident(&mut except.first_element, scope);
            except.additional_elements.iter_mut().for_each(|ident| self.ident(ident, scope));
        }
        if let Some(replace) = &mut options.opt_replace {
            for item in &mut replace.items {
                self.ident(&mut item.column_name, scope);
                self.expressions(&mut item.expr, scope);
            }
        }
    }

    fn table_with_joins(
        &mut self,
        table: &mut TableWithJoins,
        relations: &mut Vec<Relation>,
        parent: Option<&Scope<'_>>,
    ) {
        let left = relations.len();
        self.factor(&mut table.relation, relations, parent);
        for join in &mut table.joins {
            let right = relations.len();
            self.factor(&mut join.relation, relations, parent);
            let scope = Scope { relations, outputs: &[], outputs_first: false, parent };
            match constraint(&mut join.join_operator) {
                Some(JoinConstraint::On(expr)) => self.expressions(expr, &scope),
                Some(JoinConstraint::Using(names)) => {
                    let (before, after) = relations.split_at(right);
                    let before = before.get(left..).unwrap_or_default();
                    names.iter_mut().for_each(|name| self.using(name, before, after));
                }
                Some(JoinConstraint::Natural) => {
                    let (before, after) = relations.split_at(right);
                    self.natural(before.get(left..).unwrap_or_default(), after);
                }
                Some(JoinConstraint::None) | None => {}
            }
        }
    }

    fn using(&mut self, name: &mut ObjectName, left: &[Relation], right: &[Relation]) {
        let parts = self.effective_parts(name);
        let [column] = parts.as_slice() else { return };
        match (spelling_in(left, column), spelling_in(right, column)) {
            (Some(left), Some(right)) if left == right && left != column => {
                respell_name(name, vec![Some(left.to_owned())]);
            }
            (Some(left), Some(right)) if left != right => self.fail(Error::unsupported(format!(
                "USING ({column}) over columns that are spelled {left:?} and {right:?}: write \
                 ON with both names instead"
            ))),
            _ => {}
        }
    }

    /// DataFusion matches the columns of a `NATURAL JOIN` exactly, TiDB without regard to case:
    /// where that makes a difference the answer would be wrong.
    fn natural(&mut self, left: &[Relation], right: &[Relation]) {
        let (Some(left), Some(right)) = (all_columns(left), all_columns(right)) else { return };
        for a in &left {
            if let Some(b) = right.iter().find(|b| *b != a && to_lower(b) == to_lower(a)) {
                self.fail(Error::unsupported(format!(
                    "NATURAL JOIN over columns that are spelled {a:?} and {b:?}: write ON with \
                     both names instead"
                )));
            }
        }
    }

    /// Respells inside a table factor and adds it to `relations`.
    fn factor(
        &mut self,
        factor: &mut TableFactor,
        relations: &mut Vec<Relation>,
        parent: Option<&Scope<'_>>,
    ) {
        let lateral = Scope { relations, outputs: &[], outputs_first: false, parent };
        let (name, columns, alias) = match factor {
            TableFactor::Table { name, alias, args, .. } => {
                let is_function = args.is_some();
                self.expressions(args, &lateral);
                let columns = if is_function { None } else { self.columns_of(name) };
                (self.effective_parts(name), columns, alias.as_ref())
            }
            TableFactor::Derived { lateral: sees_left, subquery, alias, .. } => {
                let around = if *sees_left { Some(&lateral) } else { parent };
                let columns = self.query(subquery, around);
                (Vec::new(), columns, alias.as_ref())
            }
            TableFactor::NestedJoin { table_with_joins, alias } => {
                let mut nested = Vec::new();
                self.table_with_joins(table_with_joins, &mut nested, parent);
                if alias.is_none() {
                    relations.append(&mut nested);
                    return;
                }
                (Vec::new(), all_columns(&nested), alias.as_ref())
            }
            TableFactor::TableFunction { expr, alias } => {
                self.expressions(expr, &lateral);
                (Vec::new(), None, alias.as_ref())
            }
            TableFactor::Function { name, args, alias, .. } => {
                self.expressions(args, &lateral);
                (self.effective_parts(name), None, alias.as_ref())
            }
            TableFactor::UNNEST { array_exprs, alias, .. } => {
                self.expressions(array_exprs, &lateral);
                (Vec::new(), None, alias.as_ref())
            }
            TableFactor::Pivot { table, alias, .. }
            | TableFactor::Unpivot { table, alias, .. }
            | TableFactor::MatchRecognize { table, alias, .. } => {
                self.factor(table, &mut Vec::new(), parent);
                (Vec::new(), None, alias.as_ref())
            }
            _ => (Vec::new(), None, None),
        };
        relations.push(match alias {
            None => Relation { name, columns },
            Some(alias) => Relation {
                name: vec![self.effective(&alias.name)],
                columns: self.renamed(columns, alias),
            },
        });
    }

    /// The columns of a table or common table expression.
    fn columns_of(&self, name: &ObjectName) -> Columns {
        if let [part] = self.effective_parts(name).as_slice()
            && let Some((_, columns)) = self.ctes.iter().rev().find(|(cte, _)| cte == part)
        {
            return columns.clone();
        }
        let reference = object_name_to_table_reference(name.clone(), self.lower_case).ok()?;
        self.tables.get(&reference).cloned()
    }

    /// `columns` after an alias such as `t(a, b)`.
    fn renamed(&self, columns: Columns, alias: &TableAlias) -> Columns {
        let names: Vec<String> =
            alias.columns.iter().map(|column| self.effective(&column.name)).collect();
        if names.is_empty() {
            return columns;
        }
        let rest = columns.unwrap_or_default().into_iter().skip(names.len());
        Some(names.into_iter().chain(rest.collect::<Vec<_>>()).collect())
    }

    /// Respells all names in the expressions of `node`.
    fn expressions<T: VisitMut>(&mut self, node: &mut T, scope: &Scope<'_>) {
        let mut visitor = ExprVisitor {
            speller: self,
            scope,
            subqueries: 0,
            parameters: Vec::new(),
            fields: Vec::new(),
        };
        let _: ControlFlow<()> = node.visit(&mut visitor);
    }

    fn ident(&self, ident: &mut Ident, scope: &Scope<'_>) {
        respell(ident, scope.column(&self.effective(ident)));
    }

    fn column_name(&self, name: &mut ObjectName, scope: &Scope<'_>) {
        let parts = self.effective_parts(name);
        let spelled = match parts.as_slice() {
            [column] => vec![scope.column(column)],
            _ => scope.compound(&parts),
        };
        respell_name(name, spelled);
    }

    /// The name that DataFusion makes of `ident`.
    fn effective(&self, ident: &Ident) -> String {
        match ident.quote_style {
            None if self.lower_case => ident.value.to_ascii_lowercase(),
            _ => ident.value.clone(),
        }
    }

    fn effective_parts(&self, name: &ObjectName) -> Vec<String> {
        let idents = name.0.iter().filter_map(ObjectNamePart::as_ident);
        idents.map(|ident| self.effective(ident)).collect()
    }

    fn fail(&mut self, error: Error) {
        self.error.get_or_insert(error);
    }
}

/// Respells names within expressions; subqueries go back to the [`Speller`].
struct ExprVisitor<'a, 't> {
    speller: &'a mut Speller<'t>,
    scope: &'a Scope<'a>,
    /// How many subqueries the walk is in; the speller has done what is in there.
    subqueries: usize,
    /// Parameters of the lambdas around, which hide columns.
    parameters: Vec<String>,
    /// Expressions that are names of fields, by address.
    fields: Vec<*const Expr>,
}

impl ExprVisitor<'_, '_> {
    fn name(&self, ident: &mut Ident) {
        if !self.parameters.contains(&self.speller.effective(ident)) {
            self.speller.ident(ident, self.scope);
        }
    }

    fn compound(&self, idents: &mut [Ident]) {
        let parts: Vec<_> = idents.iter().map(|ident| self.speller.effective(ident)).collect();
        if parts.first().is_some_and(|first| !self.parameters.contains(first)) {
            for (ident, spelling) in idents.iter_mut().zip(self.scope.compound(&parts)) {
                respell(ident, spelling);
            }
        }
    }
}

impl VisitorMut for ExprVisitor<'_, '_> {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        if self.subqueries == 0 {
            self.speller.query(query, Some(self.scope));
        }
        self.subqueries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.subqueries -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.subqueries > 0 || self.fields.contains(&std::ptr::from_ref(expr)) {
            return ControlFlow::Continue(());
        }
        match expr {
            Expr::Identifier(ident) => self.name(ident),
            Expr::CompoundIdentifier(idents) => self.compound(idents),
            Expr::QualifiedWildcard(name, _) => {
                let parts = self.speller.effective_parts(name);
                respell_name(name, self.scope.qualifier(&parts));
            }
            Expr::CompoundFieldAccess { access_chain, .. } => {
                for access in access_chain.iter() {
                    if let AccessExpr::Dot(field @ Expr::Identifier(_)) = access {
                        self.fields.push(std::ptr::from_ref(field));
                    }
                }
            }
            Expr::Lambda(lambda) => {
                let names = lambda.params.iter().map(|param| self.speller.effective(&param.name));
                self.parameters.extend(names);
            }
            _ => {}
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Lambda(lambda) = expr
            && self.subqueries == 0
        {
            let outer = self.parameters.len().saturating_sub(lambda.params.len());
            self.parameters.truncate(outer);
        }
        ControlFlow::Continue(())
    }
}

/// The columns of all `relations` together.
fn all_columns(relations: &[Relation]) -> Columns {
    let mut all = Vec::new();
    for relation in relations {
        all.extend(relation.columns.as_deref()?.iter().cloned());
    }
    Some(all)
}

fn constraint(operator: &mut JoinOperator) -> Option<&mut JoinConstraint> {
    match operator {
        JoinOperator::Join(constraint)
        | JoinOperator::Inner(constraint)
        | JoinOperator::Left(constraint)
        | JoinOperator::LeftOuter(constraint)
        | JoinOperator::Right(constraint)
        | JoinOperator::RightOuter(constraint)
        | JoinOperator::FullOuter(constraint)
        | JoinOperator::CrossJoin(constraint)
        | JoinOperator::Semi(constraint)
        | JoinOperator::LeftSemi(constraint)
        | JoinOperator::RightSemi(constraint)
        | JoinOperator::Anti(constraint)
        | JoinOperator::LeftAnti(constraint)
        | JoinOperator::RightAnti(constraint)
        | JoinOperator::AsOf { constraint, .. }
        | JoinOperator::StraightJoin(constraint) => Some(constraint),
        _ => None,
    }
}

fn respell(ident: &mut Ident, spelling: Option<String>) {
    if let Some(spelling) = spelling {
        ident.value = spelling;
        ident.quote_style = Some('"');
    }
}

fn respell_name(name: &mut ObjectName, spelled: Vec<Option<String>>) {
    for (part, spelling) in name.0.iter_mut().zip(spelled) {
        if let ObjectNamePart::Identifier(ident) = part {
            respell(ident, spelling);
        }
    }
}
