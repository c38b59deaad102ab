//! A Prisma schema to the catalog of a database that `prisma migrate` has created from it: tables, generated names, types and
//! join tables of the engine.
//!
//! Prisma: `schema-engine/connectors/sql-schema-connector/src/sql_schema_calculator.rs` does the same.

use std::collections::HashSet;
use std::sync::Arc;

use smol_str::SmolStr;

use crate::catalog::{
    self, Action, Arity, Catalog, CatalogSource, Column, ForeignKey, Guarantee, IndexColumn, Key, Name, Origin, Table,
    Type, mysql_types,
};
use crate::schema_source::prisma::schema::{
    self, DatasourceBlock, FieldType, Id, IndexKind, Join, Model, ModelIndex, Provider, Relation, Schema,
};
use crate::schema_source::prisma::{Position, names, types};

/// The catalog of a database that agrees with the schema. Models and enums without `@@schema` are in `default_schema`.
/// Empty without a datasource.
#[must_use]
pub fn lower(schema: Schema, default_schema: &str) -> Catalog {
    let Schema { files, datasource: Some(source), models, enums, views, joins } = schema else {
        return Catalog::default();
    };
    let files = files.iter().map(|name| name.as_str().into()).collect();
    let lowering = Lowering { enums: &enums, files, source: &source, provider: source.provider, default_schema };
    // Foreign keys and join tables name the columns of other models. After that, each model is freed once it is lowered: at no time
    // is everything there twice.
    let keys: Vec<_> = models.iter().map(|model| lowering.foreign_keys(&models, model)).collect();
    let joins: Vec<_> = joins.iter().map(|join| lowering.join(&models, join)).collect();
    let mut tables: Vec<_> = models.into_iter().zip(keys).map(|(model, keys)| lowering.table(model, keys)).collect();
    tables.extend(joins);
    // SQLite has no enum types: Prisma makes the columns TEXT. In MySQL the values are part of each column.
    let lowered_enums = match source.provider {
        Provider::Sqlite | Provider::MySql => Vec::new(),
        Provider::Postgres => enums.iter().map(|of| lowering.enumeration(of)).collect(),
    };
    let views: Vec<_> = views.iter().map(|view| lowering.name(view.schema.as_deref(), &view.view)).collect();
    // Prisma does not expect a listed schema that holds nothing.
    let used = tables.iter().map(|table| &table.name).chain(lowered_enums.iter().map(|of| &of.name)).chain(&views);
    let used: HashSet<_> = used.map(|name| name.schema.as_str()).collect();
    let schemas = match source.schemas.as_slice() {
        [] => vec![default_schema.to_owned()],
        schemas => schemas.iter().filter(|schema| used.contains(schema.as_str())).cloned().collect(),
    };
    Catalog {
        source: CatalogSource::PrismaSchema,
        schemas,
        tables,
        enums: lowered_enums,
        views,
        view_columns: Vec::new(),
        extensions: source.extensions.clone(),
        broken: Vec::new(),
        folds_table_names: false,
    }
}

struct Lowering<'a> {
    enums: &'a [schema::Enumeration],
    /// The names of the schema's files.
    files: Vec<Arc<str>>,
    source: &'a DatasourceBlock,
    provider: Provider,
    default_schema: &'a str,
}

impl Lowering<'_> {
    fn origin(&self, position: Position) -> Option<Origin> {
        Some(Origin { file: self.files.get(position.file)?.clone(), line: position.line })
    }

    fn name(&self, schema: Option<&str>, name: &str) -> Name {
        Name {
            schema: schema.unwrap_or(self.default_schema).to_owned(),
            name: names::stored(self.provider, name).into(),
        }
    }

    fn stored<'m>(&self, columns: impl Iterator<Item = &'m str>) -> Vec<SmolStr> {
        columns.map(|column| names::stored(self.provider, column)).collect()
    }

    fn enumeration(&self, of: &schema::Enumeration) -> catalog::Enum {
        catalog::Enum {
            name: self.name(of.schema.as_deref(), &of.type_name),
            values: of.values.iter().map(|(_, label)| label.clone()).collect(),
            origin: self.origin(of.position),
        }
    }

    fn foreign_keys(&self, models: &[Model], model: &Model) -> Vec<ForeignKey> {
        match self.source.foreign_keys {
            true => model.relations.iter().map(|relation| self.foreign_key(models, model, relation)).collect(),
            false => Vec::new(),
        }
    }

    fn table(&self, model: Model, foreign_keys: Vec<ForeignKey>) -> Table {
        Table {
            name: self.name(model.schema.as_deref(), &model.table),
            primary_key: model.id.as_ref().map(|id| self.key(&model, id)),
            indexes: self.indexes(&model),
            foreign_keys,
            origin: self.origin(model.position),
            columns: model.fields.into_iter().map(|field| self.column(field)).collect(),
            model: Some(model.name),
            ..Table::default()
        }
    }

    fn key(&self, model: &Model, id: &Id) -> Key {
        let mut key = Key { name: key_name(self.provider, model, id).into(), ..Key::default() };
        let columns = self.stored(columns(model, id.fields.iter().copied()));
        for ((column, length), field) in columns.into_iter().zip(&id.lengths).zip(&id.fields) {
            key.add(column, self.prefix(&model.fields[*field], *length), false);
        }
        key
    }

    /// The length of an index's prefix; `None` where that is the length of the column.
    fn prefix(&self, field: &schema::Field, length: Option<u32>) -> Option<u32> {
        length.filter(|length| match self.kind(&field.kind) {
            Type::Native(_, arguments) => arguments != [*length],
            _ => true,
        })
    }

    fn column(&self, field: schema::Field) -> Column {
        let (name, kind) = (names::stored(self.provider, field.column()), self.kind(&field.kind));
        let default = match self.provider {
            Provider::MySql => mysql_types::stored(&field.default, &kind),
            Provider::Postgres | Provider::Sqlite => field.default,
        };
        Column { name, field: Some(field.name), kind, arity: field.arity, default, origin: self.origin(field.position) }
    }

    fn kind(&self, kind: &FieldType) -> Type {
        match kind {
            FieldType::Scalar(scalar, native) => types::lower(self.provider, *scalar, native.as_ref()),
            FieldType::Enum(_) if self.provider == Provider::Sqlite => Type::Native("text".into(), Vec::new()),
            FieldType::Enum(at) if self.provider == Provider::MySql => {
                let labels = self.enums[*at].values.iter().map(|(_, label)| label.clone());
                mysql_types::enum_of(&labels.collect::<Vec<_>>())
            }
            FieldType::Enum(at) => {
                let of = &self.enums[*at];
                Type::Enum(self.name(of.schema.as_deref(), &of.type_name))
            }
            FieldType::Unsupported(text) => Type::Other(text.clone()),
        }
    }

    /// In the order in which Prisma creates them, which decides the order in the report: those of fields, `@@index`,
    /// `@@unique`.
    fn indexes(&self, model: &Model) -> Vec<catalog::Index> {
        let mut indexes: Vec<&ModelIndex> = model.indexes.iter().collect();
        let is_of_field = |index: &ModelIndex| {
            index.fields.iter().any(|field| model.fields[field.field].position.line == index.position.line)
        };
        indexes.sort_by_key(|index| index.kind == IndexKind::Unique && !is_of_field(index));
        indexes.into_iter().map(|index| self.index(model, index)).collect()
    }

    fn index(&self, model: &Model, index: &ModelIndex) -> catalog::Index {
        let method = match (index.kind, &index.method) {
            (IndexKind::Fulltext, _) => "fulltext",
            // InnoDB makes a B-tree of a HASH, too.
            _ if self.provider == Provider::MySql => "btree",
            (_, Some(method)) => method,
            _ => "btree",
        };
        let fields = index.fields.iter().map(|field| IndexColumn {
            name: names::stored(self.provider, model.fields[field.field].column()),
            // A full-text index has no order.
            descending: field.descending && index.kind != IndexKind::Fulltext,
            length: self.prefix(&model.fields[field.field], field.length),
            class: field.class.clone(),
            usual: false,
        });
        catalog::Index {
            name: index_name(self.provider, model, index).into(),
            columns: fields.collect(),
            unique: index.kind == IndexKind::Unique,
            method: method.into(),
            predicate: index.predicate.clone(),
            include: Vec::new(),
            has_expression: false,
            valid: true,
            origin: self.origin(index.position),
        }
    }

    fn foreign_key(&self, models: &[Model], model: &Model, relation: &Relation) -> ForeignKey {
        let target = &models[relation.target];
        ForeignKey {
            name: foreign_key_name(self.provider, model, relation).into(),
            columns: self.stored(columns(model, relation.fields.iter().copied())),
            target: self.name(target.schema.as_deref(), &target.table),
            target_columns: self.stored(columns(target, relation.references.iter().copied())),
            on_delete: relation.on_delete,
            on_update: relation.on_update,
            guarantee: Guarantee::default(),
            origin: self.origin(relation.position),
        }
    }

    /// The join table of an implicit many-to-many relation, as Prisma 6 and later create it: with a primary key in
    /// PostgreSQL, where Prisma 5 had a unique index. `differ` accepts either.
    fn join(&self, models: &[Model], join: &Join) -> Table {
        let (provider, origin) = (self.provider, self.origin(join.position));
        let (a, b) = (SmolStr::new_static("A"), SmolStr::new_static("B"));
        let name = self.name(models[join.sides[0].0].schema.as_deref(), &join.table);
        let index = |name: String, columns: &[&SmolStr], unique| catalog::Index {
            name: name.into(),
            columns: columns
                .iter()
                .map(|column| IndexColumn { name: (*column).clone(), ..IndexColumn::default() })
                .collect(),
            unique,
            method: SmolStr::new_static("btree"),
            valid: true,
            origin: origin.clone(),
            ..catalog::Index::default()
        };
        let mut primary_key = None;
        let mut indexes = Vec::new();
        match provider {
            Provider::Postgres => {
                let name = names::of_join(provider, &join.table, "_AB_pkey").into();
                primary_key = Some(Key { name, columns: vec![a.clone(), b.clone()], ..Key::default() });
            }
            _ => indexes.push(index(names::of_join(provider, &join.table, "_AB_unique"), &[&a, &b], true)),
        }
        indexes.push(index(names::of_join(provider, &join.table, "_B_index"), &[&b], false));
        let mut table = Table { name, primary_key, indexes, is_join: true, origin: origin.clone(), ..Table::default() };
        for ((model, field), column) in join.sides.iter().zip([a, b]) {
            let target = &models[*model];
            let field = &target.fields[*field];
            if self.source.foreign_keys {
                table.foreign_keys.push(ForeignKey {
                    name: match provider {
                        Provider::Sqlite => SmolStr::default(),
                        _ => names::join_foreign_key(provider, &join.table, &column).into(),
                    },
                    columns: vec![column.clone()],
                    target: self.name(target.schema.as_deref(), &target.table),
                    target_columns: vec![names::stored(provider, field.column())],
                    on_delete: Action::Cascade,
                    on_update: Action::Cascade,
                    guarantee: Guarantee::default(),
                    origin: origin.clone(),
                });
            }
            table.columns.push(Column {
                name: column,
                field: None,
                kind: self.kind(&field.kind),
                arity: Arity::Required,
                default: catalog::Default::None,
                origin: origin.clone(),
            });
        }
        table
    }
}

/// The columns of fields, by their indexes.
fn columns(model: &Model, fields: impl Iterator<Item = usize>) -> impl Iterator<Item = &str> {
    fields.map(|field| model.fields[field].column())
}

/// A primary key's name; empty for engines that do not name it (SQLite, MySQL).
pub(crate) fn key_name(provider: Provider, model: &Model, id: &Id) -> String {
    match provider {
        Provider::Postgres => id.map.clone().unwrap_or_else(|| names::primary_key(provider, &model.table)),
        Provider::Sqlite | Provider::MySql => String::new(),
    }
}

/// An index's name.
pub(crate) fn index_name(provider: Provider, model: &Model, index: &ModelIndex) -> String {
    if let Some(name) = &index.map {
        return name.clone();
    }
    let columns = columns(model, index.fields.iter().map(|field| field.field));
    match index.kind {
        IndexKind::Unique => names::unique(provider, &model.table, columns),
        IndexKind::Normal | IndexKind::Fulltext => names::index(provider, &model.table, columns),
    }
}

/// A foreign key's name; empty for SQLite, which keeps none.
pub(crate) fn foreign_key_name(provider: Provider, model: &Model, relation: &Relation) -> String {
    match (provider, &relation.map) {
        (Provider::Sqlite, _) => String::new(),
        (_, Some(name)) => name.clone(),
        _ => names::foreign_key(provider, &model.table, columns(model, relation.fields.iter().copied())),
    }
}
