/** The store's schema, as the statements that take it from each version to the next. What was released never changes. */

export const migrations: readonly string[] = [
  `
  -- A filesystem after a step. 'parent' is the snapshot that it is a difference from.
  CREATE TABLE snapshots (
    id TEXT PRIMARY KEY,
    parent TEXT REFERENCES snapshots(id),
    driver TEXT NOT NULL,
    folders TEXT NOT NULL,         -- JSON list: the folders of the step's own change, top first (overlay)
    folded TEXT,                   -- a folder with the union of the whole stack, where it had become too deep
    stage TEXT NOT NULL,
    title TEXT NOT NULL,
    bytes INTEGER,                 -- of the step's own change, when it was measured
    created_ms INTEGER NOT NULL,
    last_used_ms INTEGER NOT NULL,
    duration_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX snapshots_parent ON snapshots(parent);

  -- The cache: a map from key to snapshot. A copy from another step has two keys: by that step's key (found without
  -- looking at files), and by the content copied, which is the one that those after it build upon: 'canonical'.
  CREATE TABLE keys (
    key TEXT PRIMARY KEY,
    snapshot TEXT NOT NULL REFERENCES snapshots(id) ON DELETE CASCADE,
    canonical TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX keys_snapshot ON keys(snapshot);

  -- What a snapshot's folder holds, once it was computed: the digest that a copy from it is keyed by.
  CREATE TABLE contents (
    snapshot TEXT NOT NULL REFERENCES snapshots(id) ON DELETE CASCADE,
    selection TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (snapshot, selection)
  ) STRICT, WITHOUT ROWID;

  -- A whole result of a copy, by slot (all of its key but the content): the next one starts from it.
  CREATE TABLE copy_slots (
    slot TEXT PRIMARY KEY,
    snapshot TEXT NOT NULL REFERENCES snapshots(id) ON DELETE CASCADE,
    manifest BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- Lists of what was copied: path, metadata and digest of each entry, as JSON, by the digest of its content.
  CREATE TABLE manifests (
    digest TEXT PRIMARY KEY,
    data BLOB NOT NULL,
    last_used_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- Host folders, as they were scanned last: fingerprint of all metadata, and the listing it stands for.
  CREATE TABLE scans (
    root TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,
    digest TEXT NOT NULL,
    listing BLOB NOT NULL,
    last_used_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- Snapshots that a running process relies on; 'run' names a folder below run/ that it holds locked.
  CREATE TABLE leases (
    run TEXT NOT NULL,
    snapshot TEXT NOT NULL,
    PRIMARY KEY (run, snapshot)
  ) STRICT, WITHOUT ROWID;

  -- Content by digest, in blobs/sha256/.
  CREATE TABLE blobs (
    digest TEXT PRIMARY KEY,
    size INTEGER NOT NULL,
    last_used_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- The layer that a snapshot's change is, by 'variant' (root folder and clamped time). The blob itself may be
  -- absent: its digest and size are enough for a manifest, and it can be made again. 'empty' layers are left out
  -- of images.
  CREATE TABLE layers (
    snapshot TEXT NOT NULL REFERENCES snapshots(id) ON DELETE CASCADE,
    variant TEXT NOT NULL,
    diff_id TEXT NOT NULL,
    size INTEGER NOT NULL,
    empty INTEGER NOT NULL,
    PRIMARY KEY (snapshot, variant)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE images (
    id TEXT PRIMARY KEY,             -- SHA-256 over the record: short forms of it name the image
    snapshot TEXT NOT NULL REFERENCES snapshots(id),
    root TEXT NOT NULL,
    config TEXT NOT NULL,            -- JSON: ImageConfig
    platform TEXT NOT NULL,          -- JSON: Platform
    history TEXT NOT NULL,           -- JSON: how each layer came about
    created_ms INTEGER NOT NULL,
    manifest TEXT                    -- digest of its OCI manifest, when it was computed
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX images_snapshot ON images(snapshot);

  CREATE TABLE tags (
    name TEXT PRIMARY KEY,           -- normalised: docker.io/library/debian:12
    image TEXT NOT NULL REFERENCES images(id),
    updated_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX tags_image ON tags(image);

  -- Workspaces of failed steps, in kept/NAME.
  CREATE TABLE kept (
    name TEXT PRIMARY KEY,
    base TEXT,                       -- the snapshot that it was forked from
    op TEXT NOT NULL,                -- JSON: RunOp
    created_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- What was built, for 'explain', logs and 'shell --failed'.
  CREATE TABLE builds (
    id TEXT PRIMARY KEY,
    build_file TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    outcome TEXT
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX builds_file ON builds(build_file, started_ms);

  CREATE TABLE build_steps (
    build TEXT NOT NULL REFERENCES builds(id) ON DELETE CASCADE,
    step TEXT NOT NULL,
    position INTEGER NOT NULL,
    stage TEXT NOT NULL,
    title TEXT NOT NULL,
    internal INTEGER NOT NULL,
    slot TEXT NOT NULL,              -- finds the same step in an earlier build
    key TEXT,
    state TEXT NOT NULL,             -- ran | reused | failed | cancelled
    reason TEXT,
    inputs TEXT NOT NULL,            -- JSON: InputFact[]
    duration_ms INTEGER,
    snapshot TEXT,
    workspace TEXT,                  -- of a failed step, kept for a shell
    PRIMARY KEY (build, step)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX build_steps_key ON build_steps(key);
  `,
  `
  -- Images of an index, one a platform. The index has a row in 'images' too: that of the member that stands for it.
  CREATE TABLE members (
    "index" TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE,
    position INTEGER NOT NULL,
    image TEXT NOT NULL REFERENCES images(id),
    PRIMARY KEY ("index", position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX members_image ON members(image);
  `,
  `
  -- Data with a name, in volumes/NAME/. The folder is the truth: one without a row is adopted, never removed.
  CREATE TABLE volumes (
    name TEXT PRIMARY KEY,
    kind TEXT NOT NULL,              -- user | cache: of a cache mount
    origin TEXT NOT NULL,            -- what it was made from, for people
    limit_bytes INTEGER,
    created_ms INTEGER NOT NULL,
    last_used_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- Who uses a volume, and how. A row counts while the run lives that it names.
  CREATE TABLE volume_uses (
    id TEXT PRIMARY KEY,
    run TEXT NOT NULL,
    volume TEXT NOT NULL,
    mode TEXT NOT NULL,
    user TEXT NOT NULL               -- for people: cambium run, process 4711
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX volume_uses_volume ON volume_uses(volume);
  `,
  'ALTER TABLE images ADD COLUMN author TEXT',
  `
  -- Listings of whole copies gave way to manifests, one a folder: what was remembered is found out again.
  DROP TABLE copy_slots;
  DROP TABLE manifests;
  DELETE FROM scans;

  -- What folders held when they were copied: a line an entry, with metadata and digest, by the text's own digest. Lines
  -- of folders name the manifests of what is in them. See manifests.ts.
  CREATE TABLE manifests (
    digest TEXT PRIMARY KEY,
    data TEXT NOT NULL,
    last_used_ms INTEGER NOT NULL
  ) STRICT;

  -- Which manifest the digest of copied content, in a key, stands for.
  CREATE TABLE copied (
    digest TEXT PRIMARY KEY,
    manifest TEXT NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- A whole result of a copy, by slot (all of its key but the content): the next one starts from it.
  CREATE TABLE copy_slots (
    slot TEXT PRIMARY KEY,
    snapshot TEXT NOT NULL REFERENCES snapshots(id) ON DELETE CASCADE,
    sources TEXT NOT NULL            -- JSON: a list a copy, of what was copied, with its manifest
  ) STRICT, WITHOUT ROWID;

  -- What copies take of host folders, as it was scanned last: fingerprint of all metadata, and the manifest it stands for.
  CREATE TABLE scanned_trees (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,       -- JSON: the folder, and all that decides what is taken of it
    fingerprint TEXT NOT NULL,
    manifest TEXT NOT NULL,
    content TEXT NOT NULL,           -- digest of the manifest without times
    count INTEGER NOT NULL,          -- of entries, in it and below
    links INTEGER NOT NULL,          -- whether some are names of one inode
    last_used_ms INTEGER NOT NULL
  ) STRICT;

  -- The same of each of their folders, with the metadata of each entry: a file whose own is the same isn't read again.
  CREATE TABLE scanned_folders (
    tree INTEGER NOT NULL REFERENCES scanned_trees(id) ON DELETE CASCADE,
    path TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    manifest TEXT NOT NULL,
    content TEXT NOT NULL,
    count INTEGER NOT NULL,
    links INTEGER NOT NULL,
    rows BLOB NOT NULL,              -- see file-rows.ts
    UNIQUE (tree, path)
  ) STRICT;
  `,
  `
  -- Digest of the steps of a build that had nothing to do: the next such build takes its record over.
  ALTER TABLE builds ADD COLUMN idle TEXT;
  `,
  `
  -- Manifests of registries with their configurations, byte for byte as they came: so that an image keeps its digest.
  CREATE TABLE registry_manifests (
    digest TEXT PRIMARY KEY,
    media_type TEXT NOT NULL,
    repository TEXT NOT NULL,        -- docker.io/library/debian: where its layers can be fetched
    manifest BLOB NOT NULL,
    config BLOB NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- What a registry said that a name stands for. As long as a row is here nobody asks again; a tag that is given in the
  -- store takes the name's rows away.
  CREATE TABLE registry_names (
    name TEXT NOT NULL,              -- normalised: docker.io/library/debian:12
    platform TEXT NOT NULL,
    top TEXT NOT NULL,               -- digest of what the name leads to: of an index, where there is one
    manifest TEXT NOT NULL REFERENCES registry_manifests(digest) ON DELETE CASCADE,
    asked_ms INTEGER NOT NULL,
    PRIMARY KEY (name, platform)
  ) STRICT, WITHOUT ROWID;

  -- The manifest of a registry that an image came from.
  ALTER TABLE images ADD COLUMN origin TEXT;

  -- Forms of a layer in registries: 'digest' is of the bytes as they lie there, compressed or not.
  CREATE TABLE packed_layers (
    diff_id TEXT NOT NULL,
    digest TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size INTEGER NOT NULL,
    PRIMARY KEY (diff_id, digest)
  ) STRICT, WITHOUT ROWID;

  -- Blobs that a repository was seen to have.
  CREATE TABLE repository_blobs (
    digest TEXT NOT NULL,
    repository TEXT NOT NULL,
    seen_ms INTEGER NOT NULL,
    PRIMARY KEY (digest, repository)
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- Images that came from a Docker daemon, by the id that they have there: they aren't read again.
  CREATE TABLE daemon_images (
    id TEXT PRIMARY KEY,
    image TEXT NOT NULL REFERENCES images(id) ON DELETE CASCADE
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX daemon_images_image ON daemon_images(image);
  `,
  `
  -- What the command of a step used, as JSON: StepUsage; NULL for steps that are no commands.
  ALTER TABLE snapshots ADD COLUMN usage TEXT;
  ALTER TABLE build_steps ADD COLUMN usage TEXT;

  -- What runs ask of the machine's cores and memory, in the order of their asking. A row counts while the run lives that it
  -- names. Those that are not granted wait.
  CREATE TABLE reservations (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    run TEXT NOT NULL,
    cpus REAL NOT NULL,
    memory_bytes INTEGER NOT NULL,
    granted INTEGER NOT NULL,
    user TEXT NOT NULL               -- for people: cambium run (process 4711)
  ) STRICT;
  `,
  `
  -- clean | whole | delta: the last two were made by a warm rebuild, are filed under no key, and go when nothing stands on
  -- them any more. A delta holds what changed since the last result of the same step, which is its parent.
  ALTER TABLE snapshots ADD COLUMN kind TEXT NOT NULL DEFAULT 'clean';

  -- 'verified': all of it is what a clean build gives. 'warm': a part comes from a warm rebuild.
  ALTER TABLE images ADD COLUMN state TEXT NOT NULL DEFAULT 'verified';

  -- Warm builders by a digest of build file, target and platform.
  CREATE TABLE warm_builders (
    builder TEXT PRIMARY KEY,
    image TEXT,                      -- what it built last
    updated_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  -- Of each builder, what each part of each step gave last, and on what.
  CREATE TABLE warm_steps (
    builder TEXT NOT NULL,
    slot TEXT NOT NULL,              -- finds the same step in another build of it
    part INTEGER NOT NULL,           -- a step whose command was split has several
    definition TEXT NOT NULL,        -- digest of the operation without its inputs
    key TEXT NOT NULL,               -- the step's key, as if its inputs came from the clean lane
    base TEXT REFERENCES snapshots(id) ON DELETE CASCADE,
    result TEXT NOT NULL REFERENCES snapshots(id) ON DELETE CASCADE,
    mounts TEXT NOT NULL,            -- JSON: what it saw in mounts, by target: WarmMount
    seen_ns TEXT NOT NULL,           -- no time in the result that a run set is later
    reads BLOB,                      -- paths of the base that its runs opened or changed; NULL: not known
    fitness TEXT NOT NULL,           -- unknown | fit | clean-only
    reason TEXT,                     -- why it is clean-only
    PRIMARY KEY (builder, slot, part)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX warm_steps_base ON warm_steps(base);
  CREATE INDEX warm_steps_result ON warm_steps(result);
  `,
  `
  -- Digest of the instructions that the base came from; what it was for older rows isn't known.
  ALTER TABLE warm_steps ADD COLUMN lineage TEXT NOT NULL DEFAULT '';
  -- Each path has a letter in front now, which says what became of it.
  UPDATE warm_steps SET reads = NULL;
  `,
  `
  -- One row: the boot of the machine in which the store was used last.
  CREATE TABLE boots (
    id INTEGER PRIMARY KEY CHECK (id = 0),
    boot TEXT NOT NULL
  ) STRICT;
  `,
  `
  -- Containers of warm builders whose processes stay alive between rebuilds. A row counts while its run's lock is held, which the
  -- container itself does: it belongs to no process of ours.
  CREATE TABLE live_builders (
    run TEXT PRIMARY KEY,
    builder TEXT NOT NULL,
    slot TEXT NOT NULL,
    part INTEGER NOT NULL,
    definition TEXT NOT NULL,        -- digest of what runs in it, without inputs
    build_file TEXT NOT NULL,
    stage TEXT NOT NULL,
    title TEXT NOT NULL,
    limits TEXT NOT NULL,            -- JSON: Compute
    resident TEXT NOT NULL,          -- JSON: how the container is reached
    workspace TEXT NOT NULL,         -- JSON: where its files are
    start TEXT,                      -- the snapshot that it was forked from
    base TEXT,                       -- what of the step's base its files hold
    captured TEXT,                   -- the last snapshot taken of it, or its start
    result TEXT,                     -- the last result that it stands for
    seen_ns TEXT NOT NULL,           -- no time in it that a run set is later
    busy INTEGER NOT NULL,           -- its files are being changed: if nobody does it any more, they are good for nothing
    created_ms INTEGER NOT NULL,
    used_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  `,
  `
  -- JSON: PlanLocation. Where the step stood in the build file when it was built; builds before didn't keep it.
  ALTER TABLE build_steps ADD COLUMN location TEXT;
  `,
  `
  -- Paths of its own files that a step touches though nothing changed; NULL: not known. It is tried once more, to find them out.
  ALTER TABLE warm_steps ADD COLUMN touches BLOB;
  UPDATE warm_steps SET fitness = 'unknown' WHERE fitness = 'fit';
  `,
  // Builds with nothing to do are compared with the steps themselves.
  'ALTER TABLE builds DROP COLUMN idle',
  `
  -- A folder that stands for a snapshot and some below it, down to 'base': a long chain has few places. There may be one a level;
  -- the highest one counts.
  CREATE TABLE folds (
    snapshot TEXT NOT NULL REFERENCES snapshots(id) ON DELETE CASCADE,
    level INTEGER NOT NULL,          -- from 1 on
    base TEXT,                       -- NULL: it stands for all that is below
    folder TEXT NOT NULL,
    PRIMARY KEY (snapshot, level)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO folds SELECT id, 1, NULL, folded FROM snapshots WHERE folded IS NOT NULL;
  ALTER TABLE snapshots DROP COLUMN folded;
  `,
];
