var __knownSymbol = (name, symbol) => (symbol = Symbol[name]) ? symbol : /* @__PURE__ */ Symbol.for("Symbol." + name);
var __typeError = (msg) => {
  throw TypeError(msg);
};
var __using = (stack, value, async) => {
  if (value != null) {
    if (typeof value !== "object" && typeof value !== "function") __typeError("Object expected");
    var dispose, inner;
    if (async) dispose = value[__knownSymbol("asyncDispose")];
    if (dispose === void 0) {
      dispose = value[__knownSymbol("dispose")];
      if (async) inner = dispose;
    }
    if (typeof dispose !== "function") __typeError("Object not disposable");
    if (inner) dispose = function() {
      try {
        inner.call(this);
      } catch (e) {
        return Promise.reject(e);
      }
    };
    stack.push([async, dispose, value]);
  } else if (async) {
    stack.push([async]);
  }
  return value;
};
var __callDispose = (stack, error, hasError) => {
  var E = typeof SuppressedError === "function" ? SuppressedError : function(e, s, m, _) {
    return _ = Error(m), _.name = "SuppressedError", _.error = e, _.suppressed = s, _;
  };
  var fail = (e) => error = hasError ? new E(e, error, "An error was suppressed during disposal") : (hasError = true, e);
  var next = (it) => {
    while (it = stack.pop()) {
      try {
        var result = it[1] && it[1].call(it[2]);
        if (it[0]) return Promise.resolve(result).then(next, (e) => (fail(e), next()));
      } catch (e) {
        fail(e);
      }
    }
    if (hasError) throw error;
  };
  return next();
};

// src/store/store.ts
import { closeSync, mkdirSync, openSync, statSync, writeSync } from "node:fs";
import { join, resolve } from "node:path";

// src/kit/errors.ts
var ExitCode = {
  done: 0,
  buildFailed: 1,
  wrongUse: 2,
  outside: 3,
  drift: 4,
  interrupted: 130
};
var UserError = class extends Error {
  code;
  hint;
  exitCode;
  location;
  constructor(facts) {
    super(facts.message, facts.cause === void 0 ? void 0 : { cause: facts.cause });
    this.name = "UserError";
    this.code = facts.code;
    this.hint = facts.hint;
    this.exitCode = facts.exitCode;
    this.location = facts.location;
  }
};
function wrongUse(code, message, rest = {}) {
  return new UserError({ ...rest, code, message, exitCode: ExitCode.wrongUse });
}
function outside(code, message, rest = {}) {
  return new UserError({ ...rest, code, message, exitCode: ExitCode.outside });
}
function errnoOf(error) {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : void 0;
}
function explainSystemError(error, doing) {
  if (error instanceof UserError) return error;
  const rest = { cause: error };
  switch (errnoOf(error)) {
    case "ENOSPC":
    case "EDQUOT":
      return outside("no-space", `No space is left on the disk while ${doing}.`, {
        ...rest,
        hint: "Free some space, or run `cambium cache prune`."
      });
    case "EACCES":
    case "EPERM":
    case "EROFS":
      return outside("no-permission", `Permission was denied while ${doing}: ${error.message}.`, {
        ...rest,
        hint: "Run as root, or choose another place with --store."
      });
    default:
      return error;
  }
}

// src/store/database.ts
import { DatabaseSync } from "@photostructure/sqlite";
var busyTimeoutMs = 3e4;
var migrations = [
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
  `
];
function openDatabase(path) {
  const database = new DatabaseSync(path, { timeout: busyTimeoutMs });
  database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA foreign_keys = ON;");
  migrate(database, path);
  return database;
}
function migrate(database, path) {
  const version = () => database.prepare("PRAGMA user_version").get().user_version;
  if (version() === migrations.length) return;
  if (version() > migrations.length) {
    throw outside("newer-store", `The store's database ${path} was written by a newer Cambium.`, {
      hint: "Update Cambium, or name another store with --store."
    });
  }
  transaction(database, () => {
    for (let next = version(); next < migrations.length; next++) {
      database.exec(migrations[next]);
      database.exec(`PRAGMA user_version = ${next + 1}`);
    }
  });
}
function transaction(database, body) {
  database.exec("BEGIN IMMEDIATE");
  try {
    const result = body();
    database.exec("COMMIT");
    return result;
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

// src/store/store.ts
var folders = ["snapshots", "blobs/sha256", "logs", "volumes", "kept", "locks", "run"];
function openStore(dir) {
  try {
    return openOrMake(dir);
  } catch (error) {
    throw storeError(error, dir);
  }
}
function openOrMake(dir) {
  const path = join(dir, "cambium.db");
  const isNew = statSync(path, { throwIfNoEntry: false }) === void 0;
  if (isNew) {
    mkdirSync(dir, { recursive: true, mode: 457 });
    for (const folder of folders) mkdirSync(join(dir, folder), { recursive: true, mode: 457 });
  }
  const db = openDatabase(path);
  return {
    dir,
    db,
    close: () => {
      if (db.isOpen) db.close();
    }
  };
}
function storeError(error, dir) {
  const code = errnoOf(error);
  const text = error instanceof Error ? error.message : String(error);
  if (code === "ENOTDIR" || code === "EEXIST") {
    return outside("store-not-a-folder", `The store ${dir} is not a folder.`, { cause: error });
  }
  if (/readonly database|unable to open|attempt to write a readonly/i.test(text)) {
    return outside("no-permission", `The store ${dir} can't be opened for writing.`, {
      cause: error,
      hint: "Run as root, or choose another place with --store."
    });
  }
  if (/not a database|malformed|corrupt/i.test(text)) {
    return outside("broken-database", `The store's database in ${dir} is damaged: ${text}.`, {
      cause: error,
      hint: "Run `cambium doctor --repair`."
    });
  }
  if (/disk is full|disk I\/O error/i.test(text)) {
    return outside("no-space", `No space is left on the disk of the store ${dir}.`, { cause: error });
  }
  return explainSystemError(error, `opening the store ${dir}`);
}

// src/workers/local/index.ts
import { readFileSync as readFileSync13 } from "node:fs";

// src/kit/system.ts
import { closeSync as closeSync3, constants, openSync as openSync2 } from "node:fs";

// src/kit/names.ts
var escaped = /[\udc80-\udcff]/;
var strict = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
function decodeName(bytes) {
  try {
    return strict.decode(bytes);
  } catch {
    return decodeLossless(bytes);
  }
}
function decodeLossless(bytes) {
  let text = "";
  let at = 0;
  while (at < bytes.length) {
    const width = sequenceWidth(bytes, at);
    if (width === 0) {
      text += String.fromCharCode(56320 + bytes[at]);
      at += 1;
    } else {
      text += strict.decode(bytes.subarray(at, at + width));
      at += width;
    }
  }
  return text;
}
function sequenceWidth(bytes, at) {
  for (let width = 1; width <= 4 && at + width <= bytes.length; width++) {
    try {
      strict.decode(bytes.subarray(at, at + width));
      return width;
    } catch {
    }
  }
  return 0;
}
function isEscaped(name) {
  return escaped.test(name);
}
function encodeName(name) {
  if (!escaped.test(name)) return Buffer.from(name);
  const parts = name.split(/([\udc80-\udcff])/).map((part) => {
    const unit = part.charCodeAt(0);
    return part.length === 1 && unit >= 56448 && unit <= 56575 ? Buffer.from([unit - 56320]) : Buffer.from(part);
  });
  return Buffer.concat(parts);
}
function fsPath(path) {
  return escaped.test(path) ? encodeName(path) : path;
}

// src/kit/native.ts
import { createRequire } from "node:module";
var loaded;
function load() {
  if (loaded === void 0) {
    const koffi = createRequire(import.meta.url)("koffi");
    loaded = { koffi, libc: koffi.load(null) };
  }
  return loaded;
}
function native(prototype) {
  let bound;
  return (...args) => {
    bound ??= load().libc.func(prototype);
    return bound(...args);
  };
}
function lastErrno() {
  const { koffi } = load();
  const number = koffi.errno();
  const names = koffi.os.errno;
  return Object.keys(names).find((name) => names[name] === number) ?? `errno ${number}`;
}
function systemError(syscall4, path, code = lastErrno()) {
  const error = new Error(`${code}: ${syscall4}${path === void 0 ? "" : ` '${path}'`}`);
  error.code = code;
  error.syscall = syscall4;
  if (path !== void 0) error.path = path;
  return error;
}
function checked(result, syscall4, path) {
  if (result < 0) throw systemError(syscall4, path);
  return Number(result);
}
function cPath(path) {
  return typeof path === "string" ? path : Buffer.concat([path, Buffer.of(0)]);
}

// src/kit/mounts.ts
import { closeSync as closeSync2, readFileSync } from "node:fs";
var unshare = native("int unshare(int flags)");
var mount = native("int mount(const char *source, const char *target, const char *type, unsigned long flags, const char *data)");
var umount2 = native("int umount2(const char *target, int flags)");
var syscall = native("long syscall(long number, ...)");
var CLONE_NEWNS = 131072;
var MS_RDONLY = 1;
var MS_REMOUNT = 32;
var MS_BIND = 4096;
var MS_REC = 16384;
var MS_SLAVE = 1 << 19;
var MNT_DETACH = 2;
var SYS_move_mount = 429;
var SYS_fsopen = 430;
var SYS_fsconfig = 431;
var SYS_fsmount = 432;
var FSOPEN_CLOEXEC = 1;
var FSMOUNT_CLOEXEC = 1;
var FSCONFIG_SET_FLAG = 0;
var FSCONFIG_SET_STRING = 1;
var FSCONFIG_CMD_CREATE = 6;
var MOUNT_ATTR_RDONLY = 1;
var MOVE_MOUNT_F_EMPTY_PATH = 4;
var AT_FDCWD = -100;
var isPrivate = false;
function enterPrivateMounts() {
  if (isPrivate) return;
  checked(unshare(CLONE_NEWNS), "unshare");
  checked(mount("none", "/", null, MS_REC | MS_SLAVE, null), "mount", "/");
  isPrivate = true;
}
function bindMount(source, at, options = {}) {
  checked(mount(source, at, null, MS_BIND | MS_REC, null), "mount", at);
  if (options.readonly) {
    checked(mount(source, at, null, MS_BIND | MS_REMOUNT | MS_RDONLY, null), "mount", at);
  }
}
function unmount(at) {
  if (umount2(at, MNT_DETACH) < 0) {
    const code = lastErrno();
    if (code !== "EINVAL" && code !== "ENOENT") throw systemError("umount2", at, code);
  }
}
function unmountBelow(dir) {
  for (const at of mountsBelow(dir).reverse()) unmount(at);
}
function mountsBelow(dir) {
  return readFileSync("/proc/self/mountinfo", "utf8").split("\n").map((line) => (line.split(" ")[4] ?? "").replace(/\\([0-7]{3})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 8)))).filter((at) => at === dir || at.startsWith(`${dir}/`));
}
function mountOverlay(request) {
  const fd = checked(Number(syscall(SYS_fsopen, "const char *", "overlay", "unsigned int", FSOPEN_CLOEXEC)), "fsopen");
  try {
    if (!configureOverlay(fd, request)) return mountOverlayOld(request);
    const mountFd = checked(
      Number(
        syscall(SYS_fsmount, "int", fd, "unsigned int", FSMOUNT_CLOEXEC, "unsigned int", request.upper ? 0 : MOUNT_ATTR_RDONLY)
      ),
      "fsmount"
    );
    try {
      const moved = syscall(
        SYS_move_mount,
        "int",
        mountFd,
        "const char *",
        "",
        "int",
        AT_FDCWD,
        "const char *",
        request.at,
        "unsigned int",
        MOVE_MOUNT_F_EMPTY_PATH
      );
      checked(Number(moved), "move_mount", request.at);
    } finally {
      closeSync2(mountFd);
    }
  } finally {
    closeSync2(fd);
  }
}
function configureOverlay(fd, { lowers, upper, at }) {
  const set = (key, value, command = FSCONFIG_SET_STRING) => Number(
    syscall(SYS_fsconfig, "int", fd, "unsigned int", command, "const char *", key, "const char *", value, "int", 0)
  );
  checked(set("source", "cambium"), "fsconfig");
  for (const [index, lower] of lowers.entries()) {
    const result = set("lowerdir+", lower);
    if (result < 0 && index === 0 && lastErrno() === "EINVAL") return false;
    checked(result, "fsconfig", lower);
  }
  if (upper) {
    checked(set("upperdir", upper.dir), "fsconfig", upper.dir);
    checked(set("workdir", upper.work), "fsconfig", upper.work);
    checked(set("volatile", null, FSCONFIG_SET_FLAG), "fsconfig");
  }
  for (const option of ["redirect_dir", "index", "metacopy"]) checked(set(option, "off"), "fsconfig", option);
  const created = syscall(
    SYS_fsconfig,
    "int",
    fd,
    "unsigned int",
    FSCONFIG_CMD_CREATE,
    "const char *",
    null,
    "const char *",
    null,
    "int",
    0
  );
  checked(Number(created), "fsconfig", at);
  return true;
}
function mountOverlayOld({ lowers, upper, at }) {
  const options = [`lowerdir=${lowers.join(":")}`, "redirect_dir=off", "index=off", "metacopy=off"];
  if (upper) options.push(`upperdir=${upper.dir}`, `workdir=${upper.work}`, "volatile");
  checked(mount("cambium", at, "overlay", upper ? 0 : MS_RDONLY, options.join(",")), "mount", at);
}

// src/kit/system.ts
var flock = native("int flock(int fd, int operation)");
var mknodCall = native("int mknod(const char *path, unsigned int mode, unsigned long device)");
var utimensat = native("int utimensat(int dir, const char *path, const void *times, int flags)");
var lsetxattr = native("int lsetxattr(const char *path, const char *name, const void *value, size_t size, int flags)");
var lremovexattr = native("int lremovexattr(const char *path, const char *name)");
var llistxattr = native("long llistxattr(const char *path, void *list, size_t size)");
var lgetxattr = native("long lgetxattr(const char *path, const char *name, void *value, size_t size)");
var syscall2 = native("long syscall(long number, ...)");
var copyFileRange = native("long copy_file_range(int in, void *offIn, int out, void *offOut, size_t length, unsigned int flags)");
var lseek = native("long lseek(int fd, long offset, int whence)");
var ioctlInt = native("int ioctl(int fd, unsigned long request, int argument)");
var ioctlPointer = native("int ioctl(int fd, unsigned long request, void *argument)");
var LOCK_SH = 1;
var LOCK_EX = 2;
var LOCK_NB = 4;
var AT_FDCWD2 = -100;
var AT_SYMLINK_NOFOLLOW = 256;
var SYS_openat2 = 437;
var RESOLVE_NO_MAGICLINKS = 2;
var RESOLVE_IN_ROOT = 16;
var FICLONE = 1074041865;
var O_CLOEXEC = 524288;
function tryLock(fd, mode = "exclusive") {
  if (flock(fd, (mode === "shared" ? LOCK_SH : LOCK_EX) | LOCK_NB) === 0) return true;
  const code = lastErrno();
  if (code === "EWOULDBLOCK" || code === "EAGAIN") return false;
  throw systemError("flock", void 0, code);
}
var typeBits = { char: constants.S_IFCHR, block: constants.S_IFBLK, fifo: constants.S_IFIFO, socket: constants.S_IFSOCK };
function makeNode(path, type, mode, device = { major: 0, minor: 0 }) {
  checked(mknodCall(cPath(fsPath(path)), typeBits[type] | mode, deviceNumber(device)), "mknod", path);
}
function deviceNumber({ major, minor }) {
  const [high, low] = [BigInt(major), BigInt(minor)];
  return low & 0xffn | (high & 0xfffn) << 8n | (low & ~0xffn) << 12n | (high & ~0xfffn) << 32n;
}
function splitDevice(rdev) {
  return {
    major: Number(rdev >> 8n & 0xfffn | rdev >> 32n & ~0xfffn),
    minor: Number(rdev & 0xffn | rdev >> 12n & ~0xffn)
  };
}
var timesBuffer = Buffer.alloc(32);
function setTimes(path, mtimeNs) {
  let seconds = mtimeNs / 1000000000n;
  let nanoseconds = mtimeNs % 1000000000n;
  if (nanoseconds < 0n) {
    seconds -= 1n;
    nanoseconds += 1000000000n;
  }
  for (const at of [0, 16]) {
    timesBuffer.writeBigInt64LE(seconds, at);
    timesBuffer.writeBigInt64LE(nanoseconds, at + 8);
  }
  checked(utimensat(AT_FDCWD2, cPath(fsPath(path)), timesBuffer, AT_SYMLINK_NOFOLLOW), "utimensat", path);
}
function setXattr(path, name, value) {
  checked(lsetxattr(cPath(fsPath(path)), name, value, value.length, 0), "lsetxattr", path);
}
function removeXattr(path, name) {
  checked(lremovexattr(cPath(fsPath(path)), name), "lremovexattr", path);
}
var listBuffer = Buffer.alloc(65536);
function readXattrs(path) {
  const cName = cPath(fsPath(path));
  const length = Number(llistxattr(cName, listBuffer, listBuffer.length));
  if (length === 0) return void 0;
  if (length < 0) {
    const code = lastErrno();
    if (code === "ENOTSUP" || code === "EOPNOTSUPP") return void 0;
    throw systemError("llistxattr", path, code);
  }
  const names = listBuffer.toString("utf8", 0, length - 1).split("\0").sort();
  const result = /* @__PURE__ */ new Map();
  for (const name of names) {
    const value = getXattr(path, name);
    if (value !== void 0) result.set(name, value);
  }
  return result.size > 0 ? result : void 0;
}
function getXattr(path, name) {
  const value = Buffer.alloc(65536);
  const length = Number(lgetxattr(cPath(fsPath(path)), name, value, value.length));
  if (length >= 0) return Buffer.from(value.subarray(0, length));
  const code = lastErrno();
  if (code === "ENODATA" || code === "ENOTSUP" || code === "EOPNOTSUPP") return void 0;
  throw systemError("lgetxattr", path, code);
}
function openInRoot(rootFd, path, flags = constants.O_RDONLY, mode = 0) {
  const how = Buffer.alloc(24);
  how.writeBigUInt64LE(BigInt(flags | O_CLOEXEC), 0);
  how.writeBigUInt64LE(BigInt(mode), 8);
  how.writeBigUInt64LE(BigInt(RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS), 16);
  const name = cPath(fsPath(path));
  return checked(
    Number(syscall2(SYS_openat2, "int", rootFd, "const char *", name, "void *", how, "size_t", how.length)),
    "openat2",
    path
  );
}
var O_PATH = 2097152;
function openFolder(path) {
  return openSync2(fsPath(path), constants.O_RDONLY | constants.O_DIRECTORY);
}
function descriptorPath(fd) {
  return `/proc/self/fd/${fd}`;
}
function copyRange(from, to, length) {
  let left2 = length;
  while (left2 > 0) {
    const copied = checked(Number(copyFileRange(from, null, to, null, Math.min(left2, 1073741824), 0)), "copy_file_range");
    if (copied === 0) break;
    left2 -= copied;
  }
  return length - left2;
}
var whence = { set: 0, data: 3, hole: 4 };
function seek(fd, offset, to) {
  const result = Number(lseek(fd, offset, whence[to]));
  if (result >= 0) return result;
  if (lastErrno() === "ENXIO") return void 0;
  throw systemError("lseek");
}
function reflink(from, to) {
  return ioctlInt(to, FICLONE, from) === 0;
}
function ioctl(fd, request, argument2, what) {
  checked(ioctlPointer(fd, request, argument2), what);
}

// src/store/runs.ts
import { randomBytes } from "node:crypto";
import { closeSync as closeSync4, fstatSync, mkdirSync as mkdirSync2, openSync as openSync3, readdirSync, renameSync, rmSync, statSync as statSync2, unlinkSync } from "node:fs";
import { join as join2 } from "node:path";
function newId() {
  return [...randomBytes(12)].map((byte) => "abcdefghijklmnopqrstuvwxyz234567"[byte % 32]).join("");
}
function beginRun(store2) {
  const id = newId();
  const dir = join2(store2.dir, "run", id);
  mkdirSync2(dir);
  const fd = openSync3(`${dir}.new`, "wx", 384);
  tryLock(fd);
  renameSync(`${dir}.new`, `${dir}.lock`);
  return {
    id,
    dir,
    [Symbol.dispose]() {
      store2.db.prepare("DELETE FROM leases WHERE run = ?").run(id);
      rmSync(dir, { recursive: true, force: true });
      unlinkSync(`${dir}.lock`);
      closeSync4(fd);
    }
  };
}
function sweepRuns(store2, clean) {
  const swept = [];
  for (const name of readdirSync(join2(store2.dir, "run"))) {
    if (!name.endsWith(".lock")) continue;
    const id = name.slice(0, -".lock".length);
    const dir = join2(store2.dir, "run", id);
    const fd = openIfAny(`${dir}.lock`);
    if (fd === void 0) continue;
    try {
      if (!tryLock(fd) || !isStill(fd, `${dir}.lock`)) continue;
      clean({ id, dir });
      store2.db.prepare("DELETE FROM leases WHERE run = ?").run(id);
      rmSync(dir, { recursive: true, force: true });
      unlinkSync(`${dir}.lock`);
      swept.push(id);
    } finally {
      closeSync4(fd);
    }
  }
  return swept;
}
function lease(store2, run2, snapshot) {
  const added = store2.db.prepare("INSERT OR IGNORE INTO leases (run, snapshot) SELECT ?, id FROM snapshots WHERE id = ?").run(run2.id, snapshot);
  if (Number(added.changes) > 0) return true;
  return store2.db.prepare("SELECT 1 FROM snapshots WHERE id = ?").get(snapshot) !== void 0;
}
var lockPollMs = 15;
async function withLock(store2, name, options, body) {
  const path = join2(store2.dir, "locks", name);
  let told = false;
  for (; ; ) {
    options.signal?.throwIfAborted();
    const fd = openSync3(path, "a", 384);
    if (tryLock(fd) && isStill(fd, path)) {
      try {
        return await body();
      } finally {
        unlinkSync(path);
        closeSync4(fd);
      }
    }
    closeSync4(fd);
    if (!told) options.onWait();
    told = true;
    await new Promise((resolve2) => setTimeout(resolve2, lockPollMs));
  }
}
function isStill(fd, path) {
  const named = statSync2(path, { throwIfNoEntry: false });
  return named !== void 0 && named.ino === fstatSync(fd).ino;
}
function openIfAny(path) {
  try {
    return openSync3(path, "r+");
  } catch (error) {
    if (error.code === "ENOENT") return void 0;
    throw error;
  }
}

// src/store/snapshots.ts
function findKey(db, key) {
  const row = db.prepare(
    `SELECT k.snapshot, k.canonical, s.duration_ms AS durationMs
       FROM keys k JOIN snapshots s ON s.id = k.snapshot WHERE k.key = ?`
  ).get(key);
  return row;
}
function findSnapshot(db, id) {
  const row = db.prepare(
    `SELECT id, parent, folders, folded, stage, title, duration_ms AS durationMs, created_ms AS createdMs
       FROM snapshots WHERE id = ?`
  ).get(id);
  return row && { ...row, folders: JSON.parse(row.folders) };
}
function lineageOf(db, id) {
  const rows = [];
  for (let next = id; next !== null; ) {
    const row = findSnapshot(db, next);
    if (row === void 0) throw new Error(`snapshot ${next} has no row`);
    rows.push(row);
    next = row.parent;
  }
  return rows;
}
function insertSnapshot(db, snapshot) {
  const now = Date.now();
  transaction(db, () => {
    db.prepare(
      `INSERT INTO snapshots (id, parent, driver, folders, stage, title, created_ms, last_used_ms, duration_ms)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
    ).run(
      snapshot.id,
      snapshot.parent ?? null,
      snapshot.driver,
      JSON.stringify(snapshot.folders),
      snapshot.stage,
      snapshot.title,
      now,
      now,
      Math.round(snapshot.durationMs)
    );
    db.prepare("INSERT INTO leases (run, snapshot) VALUES (?, ?)").run(snapshot.run, snapshot.id);
    fileKey(db, snapshot.key, snapshot.id, snapshot.key);
    if (snapshot.alias !== void 0) fileKey(db, snapshot.alias, snapshot.id, snapshot.key);
  });
}
function fileKey(db, key, snapshot, canonical) {
  db.prepare("INSERT OR REPLACE INTO keys (key, snapshot, canonical) VALUES (?, ?, ?)").run(key, snapshot, canonical);
}
function touchSnapshots(db, ids) {
  const touch = db.prepare("UPDATE snapshots SET last_used_ms = ? WHERE id = ?");
  for (const id of ids) touch.run(Date.now(), id);
}
function setFolded(db, id, folder) {
  db.prepare("UPDATE snapshots SET folded = ? WHERE id = ?").run(folder, id);
}

// src/workers/local/copy/content.ts
import { basename, join as join4, posix as posix2 } from "node:path";
import { realpathSync } from "node:fs";

// src/kit/digest.ts
import { createHash } from "node:crypto";
function sha256(data) {
  return `sha256:${createHash("sha256").update(data).digest("hex")}`;
}
function hexOf(digest) {
  return digest.slice("sha256:".length);
}
function canonicalJson(value) {
  if (Array.isArray(value)) return `[${value.map((item) => canonicalJson(item ?? null)).join(",")}]`;
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  const fields = Object.entries(value).filter(([, field2]) => field2 !== void 0).sort(([a], [b]) => a < b ? -1 : 1).map(([name, field2]) => `${JSON.stringify(name)}:${canonicalJson(field2)}`);
  return `{${fields.join(",")}}`;
}

// src/workers/local/copy/scan.ts
import { createHash as createHash3, hash } from "node:crypto";
import { closeSync as closeSync5, constants as constants2, fstatSync as fstatSync2, openSync as openSync4, readSync, readlinkSync as readlinkSync2 } from "node:fs";
import { join as join3 } from "node:path";

// src/kit/ignore.ts
var notIgnored = { ignored: false, matched: [] };
function compileIgnore(patterns) {
  const compiled = patterns.map(compilePattern).filter((pattern) => pattern !== void 0);
  return {
    hasExceptions: compiled.some((pattern) => pattern.isException),
    match(path, parent) {
      let ignored = false;
      const matched = compiled.map((pattern, index) => {
        const matches = parent.matched[index] || pattern.regex.test(path);
        if (matches) ignored = !pattern.isException;
        return matches;
      });
      return { ignored, matched };
    }
  };
}
function compilePattern(text) {
  const isException = text.startsWith("!");
  const pattern = cleanPath((isException ? text.slice(1) : text).trim());
  if (pattern === "" || pattern === ".") return void 0;
  return { regex: new RegExp(`^${translate(pattern)}$`, "s"), isException };
}
function cleanPath(path) {
  const names = [];
  for (const name of path.split("/")) {
    if (name === "" || name === ".") continue;
    if (name === ".." && names.length > 0 && names.at(-1) !== "..") names.pop();
    else names.push(name);
  }
  return names.join("/");
}
function translate(pattern) {
  let regex = "";
  for (let at = 0; at < pattern.length; at++) {
    const char = pattern[at];
    if (char === "*" && pattern[at + 1] === "*") {
      at += 1;
      if (pattern[at + 1] === "/") at += 1;
      regex += at + 1 >= pattern.length ? ".*" : "(.*/)?";
    } else if (char === "*") regex += "[^/]*";
    else if (char === "?") regex += "[^/]";
    else if (char === "\\") {
      at += 1;
      regex += escapeRegex(pattern[at] ?? "\\");
    } else if (char === "[") {
      const end = pattern.indexOf("]", at + 2);
      regex += end < 0 ? "\\[" : pattern.slice(at, end + 1);
      if (end > 0) at = end;
    } else regex += escapeRegex(char);
  }
  return regex;
}
function escapeRegex(text) {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, "\\$&");
}

// src/kit/walk.ts
import { lstatSync, readdirSync as readdirSync2, readlinkSync } from "node:fs";
function lstat(path) {
  return lstatSync(fsPath(path), { bigint: true });
}
function lstatIfAny(path) {
  return lstatSync(fsPath(path), { bigint: true, throwIfNoEntry: false });
}
function listFolder(path) {
  const names = readdirSync2(fsPath(path));
  const exact = names.some((name) => name.includes("\uFFFD")) ? readdirSync2(fsPath(path), { encoding: "buffer" }).map(decodeName) : names;
  return exact.sort();
}
function typeOf(stats) {
  switch (stats.mode & 0o170000n) {
    case 0o100000n:
      return "file";
    case 0o040000n:
      return "directory";
    case 0o120000n:
      return "symlink";
    case 0o020000n:
      return "char";
    case 0o060000n:
      return "block";
    case 0o010000n:
      return "fifo";
    default:
      return "socket";
  }
}
var foreignXattr = /^(trusted\.overlay\.|user\.overlay\.|btrfs\.|system\.(?!posix_acl_)|security\.selinux$)/;
function readEntry(host, path, stats = lstat(host)) {
  const type = typeOf(stats);
  const entry = {
    path,
    type,
    mode: Number(stats.mode & 0o7777n),
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: type === "file" ? Number(stats.size) : 0,
    mtimeNs: stats.mtimeNs
  };
  if (type === "symlink") entry.link = decodeName(readlinkSync(fsPath(host), { encoding: "buffer" }));
  if (type === "char" || type === "block") entry.device = splitDevice(stats.rdev);
  if (type !== "directory" && stats.nlink > 1n) entry.inode = `${stats.dev}:${stats.ino}`;
  const xattrs = treeXattrs(host);
  if (xattrs) entry.xattrs = xattrs;
  return entry;
}
function treeXattrs(host) {
  const all = readXattrs(host);
  if (all === void 0) return void 0;
  for (const name of all.keys()) if (foreignXattr.test(name)) all.delete(name);
  return all.size > 0 ? all : void 0;
}
function joinPath(folder, name) {
  return folder === "" ? name : `${folder}/${name}`;
}

// src/workers/local/copy/listing.ts
import { createHash as createHash2 } from "node:crypto";
function contentDigest(listing, keepsOwner) {
  const hash2 = createHash2("sha256");
  for (const entry of listing) hash2.update(contentLine(entry, keepsOwner));
  return `sha256:${hash2.digest("hex")}`;
}
function contentLine(entry, keepsOwner) {
  const fields = [
    entry.path,
    entry.type,
    entry.type === "symlink" ? 0 : entry.mode,
    keepsOwner ? entry.uid : 0,
    keepsOwner ? entry.gid : 0,
    entry.digest ?? entry.link ?? (entry.device ? `${entry.device.major}:${entry.device.minor}` : ""),
    entry.sameAs ?? "",
    entry.xattrs ? canonicalJson(entry.xattrs) : ""
  ];
  return `${JSON.stringify(fields)}
`;
}

// src/workers/local/copy/scan.ts
var clockGrainNs = 20000000n;
var coarseGrainNs = 2000000000n;
function scanFolder(db, request) {
  const startNs = BigInt(Date.now()) * 1000000n;
  const seen = walkFolder(request);
  const fingerprint2 = fingerprintOf(seen);
  const name = JSON.stringify([request.root, request.path, request.ignore ?? [], request.keepsOwner]);
  const row = db.prepare("SELECT fingerprint, digest FROM scans WHERE root = ?").get(name);
  const remembered2 = () => {
    const found2 = db.prepare("SELECT listing FROM scans WHERE root = ?").get(name);
    return found2 ? JSON.parse(Buffer.from(found2.listing).toString()) : [];
  };
  if (row?.fingerprint === fingerprint2) {
    let lazy;
    return { digest: row.digest, listing: () => lazy ??= remembered2() };
  }
  const listing = listEntries(request, seen, row ? remembered2() : [], startNs);
  const digest = contentDigest(listing, request.keepsOwner);
  const trusted = listing.some((entry) => entry.racy) ? "" : fingerprint2;
  db.prepare("INSERT OR REPLACE INTO scans (root, fingerprint, digest, listing, last_used_ms) VALUES (?, ?, ?, ?, ?)").run(
    name,
    trusted,
    digest,
    Buffer.from(JSON.stringify(listing)),
    Date.now()
  );
  return { digest, listing: () => listing };
}
function scanTree(request) {
  const listing = listEntries(request, walkFolder(request), [], void 0);
  return { digest: contentDigest(listing, request.keepsOwner), listing: () => listing };
}
function walkFolder(request) {
  const top = join3(request.root, request.path);
  const stats = lstatIfAny(top);
  if (stats === void 0) {
    throw wrongUse("missing-file", `${request.path || request.root} was not found${request.path ? ` in ${request.root}` : ""}.`);
  }
  const ignore = request.ignore?.length ? compileIgnore(request.ignore) : void 0;
  const seen = [{ path: "", stats }];
  if (typeOf(stats) === "directory") {
    let matches = notIgnored;
    if (ignore) for (const prefix of prefixes(request.path)) matches = ignore.match(prefix, matches);
    walkInto(request, top, "", ignore, matches, seen);
  }
  return seen;
}
function prefixes(path) {
  const names = path.split("/").filter((name) => name !== "");
  return names.map((_, index) => names.slice(0, index + 1).join("/"));
}
function walkInto(request, folder, path, ignore, matches, seen) {
  for (const name of listFolder(folder)) {
    const at = joinPath(path, name);
    const host = `${folder}/${name}`;
    const match = ignore ? ignore.match(joinPath(request.path, at), matches) : notIgnored;
    if (match.ignored && !ignore?.hasExceptions) continue;
    const stats = lstatIfAny(host);
    if (stats === void 0) continue;
    const type = typeOf(stats);
    if (type === "socket" || match.ignored && type !== "directory") continue;
    const before = seen.length;
    seen.push({ path: at, stats });
    if (type === "directory") walkInto(request, host, at, ignore, match, seen);
    if (match.ignored && seen.length === before + 1) seen.pop();
  }
}
function identityOf(stats) {
  return `${stats.dev}.${stats.ino}.${stats.ctimeNs}`;
}
function fingerprintOf(seen) {
  const lines = seen.map(({ path, stats }) => {
    const { mode, uid, gid, size, mtimeNs, nlink } = stats;
    return `${path}\0${mode}.${uid}.${gid}.${size}.${mtimeNs}.${nlink}.${identityOf(stats)}`;
  });
  return hash("sha256", lines.join("\n"));
}
function listEntries(request, seen, known2, startNs) {
  const old = new Map(known2.map((entry) => [entry.path, entry]));
  const firstOfInode = /* @__PURE__ */ new Map();
  return seen.map(({ path, stats }) => {
    const type = typeOf(stats);
    const identity = identityOf(stats);
    const host = join3(request.root, request.path, path);
    const entry = {
      path,
      type,
      mode: Number(stats.mode & 0o7777n),
      uid: Number(stats.uid),
      gid: Number(stats.gid),
      size: type === "file" ? Number(stats.size) : 0,
      mtime: String(stats.mtimeNs),
      identity
    };
    if (type === "file" && stats.nlink > 1n) {
      const first = firstOfInode.get(identity);
      if (first === void 0) firstOfInode.set(identity, path);
      else entry.sameAs = first;
    }
    if (startNs !== void 0 && isRacy(stats, startNs)) entry.racy = true;
    const before = old.get(path);
    if (before !== void 0 && isSame(before, entry)) {
      const { link, device, xattrs, digest } = before;
      return Object.assign(entry, link !== void 0 && { link }, device && { device }, xattrs && { xattrs }, digest && { digest });
    }
    addContent(entry, host, stats);
    return entry;
  });
}
function isSame(before, now) {
  return !before.racy && before.identity === now.identity && before.size === now.size && before.mtime === now.mtime && before.mode === now.mode && before.type === now.type;
}
function isRacy(stats, startNs) {
  const newest = stats.mtimeNs > stats.ctimeNs ? stats.mtimeNs : stats.ctimeNs;
  const grain = stats.ctimeNs % 1000000000n === 0n ? coarseGrainNs : clockGrainNs;
  return newest > startNs - grain;
}
function addContent(entry, host, stats) {
  if (entry.type === "file") entry.digest = hashFile(host, stats);
  if (entry.type === "symlink") entry.link = decodeName(readlinkSync2(fsPath(host), { encoding: "buffer" }));
  if (entry.type === "char" || entry.type === "block") entry.device = splitDevice(stats.rdev);
  const xattrs = treeXattrs(host);
  if (xattrs) entry.xattrs = Object.fromEntries([...xattrs].map(([name, value]) => [name, value.toString("base64")]));
}
var chunk = Buffer.allocUnsafe(1 << 20);
function hashFile(host, expected) {
  const fd = openToRead(host);
  try {
    let length = readSync(fd, chunk, 0, chunk.length, null);
    let result;
    if (length < chunk.length) result = hash("sha256", chunk.subarray(0, length));
    else {
      const hasher = createHash3("sha256");
      for (; length > 0; length = readSync(fd, chunk, 0, chunk.length, null)) hasher.update(chunk.subarray(0, length));
      result = hasher.digest("hex");
    }
    if (expected !== void 0) checkUnchanged(host, expected, fstatSync2(fd, { bigint: true }));
    return result;
  } finally {
    closeSync5(fd);
  }
}
function openToRead(host) {
  try {
    return openSync4(fsPath(host), constants2.O_RDONLY | constants2.O_NOFOLLOW | constants2.O_NONBLOCK);
  } catch (error) {
    if (["ENOENT", "ELOOP", "ENXIO"].includes(errnoOf(error) ?? "")) throw changedWhileRead(host, error);
    throw error;
  }
}
function checkUnchanged(host, before, after) {
  if (identityOf(before) !== identityOf(after) || before.size !== after.size || before.mtimeNs !== after.mtimeNs) {
    throw changedWhileRead(host);
  }
}
function changedWhileRead(host, cause) {
  return wrongUse("changed-while-copied", `The file ${host} changed while it was being copied.`, {
    hint: "Build again when nothing writes to it, or leave it out with an ignore file.",
    ...cause === void 0 ? {} : { cause }
  });
}
function checkListed(host, entry, now) {
  if (identityOf(now) !== entry.identity || String(now.mtimeNs) !== entry.mtime || Number(now.size) !== entry.size) {
    throw changedWhileRead(host);
  }
}

// src/workers/local/copy/targets.ts
import { posix } from "node:path";
function listTargets(inputs, isFolder2) {
  const list = { targets: [], contents: /* @__PURE__ */ new Map() };
  const byPath = /* @__PURE__ */ new Map();
  const add = (target, content) => {
    const before = byPath.get(target.path);
    if (before !== void 0 && before.type === "directory" !== (target.type === "directory")) {
      throw wrongUse("copy-conflict", `The copy gives /${target.path} both as a folder and as a file.`);
    }
    byPath.set(target.path, target);
    if (content) list.contents.set(target.path, content);
  };
  for (const { copy, sources } of inputs) {
    if (copy.from.type === "inline") for (const file of copy.from.files) addInline(copy, file, add);
    else for (const source of sources) addSource(copy, source, sources.length > 1, isFolder2, add);
  }
  list.targets = [...byPath.values()].sort(byFolder);
  return list;
}
function byFolder(a, b) {
  const [left2, right] = [a.path.replaceAll("/", "\0"), b.path.replaceAll("/", "\0")];
  return left2 < right ? -1 : left2 > right ? 1 : 0;
}
function addSource(copy, source, isOneOfMany, isFolder2, add) {
  const dest = imagePath(copy.dest);
  const [root] = source.listing;
  const goesInto = root?.type !== "directory" && (isOneOfMany || copy.dest.endsWith("/") || isFolder2(dest));
  const base = goesInto ? joinPath(dest, source.name) : dest;
  for (const listed of source.listing) {
    const path = listed.path === "" ? base : joinPath(base, listed.path);
    const target = {
      path,
      type: listed.type,
      mode: copy.mode ?? listed.mode,
      ...ownerOf(copy, listed),
      mtime: listed.mtime
    };
    if (listed.link !== void 0) target.link = listed.link;
    if (listed.device) target.device = listed.device;
    if (listed.xattrs) target.xattrs = listed.xattrs;
    if (listed.digest) target.digest = listed.digest;
    if (listed.sameAs !== void 0) target.sameAs = joinPath(base, listed.sameAs);
    if (listed.path === "" && listed.type === "directory" && path !== "") target.isDest = true;
    add(target, listed.type === "file" ? { host: posix.join(source.host, listed.path), listed } : void 0);
  }
}
function ownerOf(copy, listed) {
  if (copy.owner) return copy.owner;
  return keepsOwners(copy) ? { uid: listed.uid, gid: listed.gid } : { uid: 0, gid: 0 };
}
function keepsOwners({ from, owner }) {
  return owner === void 0 && (from.type === "step" || from.type === "folder" && from.keepOwners === true);
}
function addInline(copy, file, add) {
  const path = imagePath(posix.join(copy.dest, file.path));
  const owner = copy.owner ?? { uid: 0, gid: 0 };
  const digest = sha256(file.data).slice("sha256:".length);
  add({ path, type: "file", mode: copy.mode ?? file.mode, ...owner, mtime: "0", digest }, { inline: file.data });
}
function imagePath(path) {
  return posix.resolve("/", path).slice(1);
}
function compareTargets(before, after) {
  const old = new Map(before.map((target) => [target.path, target]));
  const difference = { removed: [], changed: [], touched: [] };
  for (const target of after) {
    const was = old.get(target.path);
    old.delete(target.path);
    if (was !== void 0 && was.type !== target.type) difference.removed.push(was);
    if (was === void 0 || contentOf(was) !== contentOf(target)) difference.changed.push(target);
    else if (metadataOf(was) !== metadataOf(target)) difference.touched.push(target);
  }
  difference.removed.push(...old.values());
  difference.removed.sort(byFolder);
  return difference;
}
function contentOf({ type, digest, link, device, sameAs }) {
  return type === "file" || type === "directory" ? `${type}\0${digest ?? ""}\0${sameAs ?? ""}` : JSON.stringify([type, link, device, sameAs]);
}
function metadataOf({ mode, uid, gid, mtime, xattrs }) {
  return `${mode}.${uid}.${gid}.${mtime}${xattrs ? JSON.stringify(xattrs) : ""}`;
}

// src/workers/local/copy/content.ts
function openContents(store2, viewOf) {
  const scans = /* @__PURE__ */ new Map();
  const scanned = (name, make) => {
    const scan = scans.get(name) ?? make();
    scans.set(name, scan);
    return scan;
  };
  const fromFolder = (copy, path) => {
    const root = realpathSync(copy.from.path);
    const relative = posix2.normalize(path) === "." ? "" : posix2.normalize(path).replace(/\/$/, "");
    if (relative === ".." || relative.startsWith("../") || relative.startsWith("/")) throw leaves(path, root);
    checkInside(root, relative, path);
    const ignore = copy.from.ignore ?? [];
    const scan = scanned(
      JSON.stringify([root, relative, ignore, keepsOwners(copy)]),
      () => scanFolder(store2.db, { root, path: relative, ignore, keepsOwner: keepsOwners(copy) })
    );
    return { host: join4(root, relative), name: basename(relative || root), scan };
  };
  const fromSnapshot = (id, path) => {
    const root = viewOf(id);
    const relative = posix2.resolve("/", path).slice(1);
    const scan = scanned(`${id}\0${relative}`, () => scanTree({ root, path: relative, keepsOwner: true }));
    return { host: join4(root, relative), name: basename(relative), scan };
  };
  const snapshotDigest = (id, path) => {
    const known2 = store2.db.prepare("SELECT digest FROM contents WHERE snapshot = ? AND selection = ?").get(id, path);
    if (known2) return known2.digest;
    const { digest } = fromSnapshot(id, path).scan;
    store2.db.prepare("INSERT OR REPLACE INTO contents (snapshot, selection, digest) VALUES (?, ?, ?)").run(id, path, digest);
    return digest;
  };
  return {
    facts(copy, snapshotOf) {
      const { from } = copy;
      if (from.type === "inline") return inlineFacts(copy);
      return Object.fromEntries(
        copy.paths.map((path) => [
          path,
          from.type === "step" ? snapshotDigest(snapshotOf(from.step), path) : fromFolder(copy, path).scan.digest
        ])
      );
    },
    input(copy, snapshotOf) {
      const { from } = copy;
      if (from.type === "inline") return { copy, sources: [] };
      const sources = copy.paths.map((path) => {
        const { host, name, scan } = from.type === "step" ? fromSnapshot(snapshotOf(from.step), path) : fromFolder(copy, path);
        return { host, name, listing: scan.listing() };
      });
      return { copy, sources };
    }
  };
}
function inlineFacts(copy) {
  const files2 = copy.from.type === "inline" ? copy.from.files : [];
  return Object.fromEntries(files2.map((file) => [file.path, sha256(canonicalJson([file.mode, file.data]))]));
}
function checkInside(root, relative, path) {
  let folder;
  try {
    folder = realpathSync(join4(root, posix2.dirname(relative || ".")));
  } catch (error) {
    throw wrongUse("missing-file", `${path} was not found in ${root}.`, { cause: error });
  }
  if (folder !== root && !folder.startsWith(root === "/" ? "/" : `${root}/`)) throw leaves(path, root);
}
function leaves(path, root) {
  return wrongUse("leaves-folder", `The path ${path} leads out of ${root}.`, {
    hint: "Only what is below that folder can be copied; name another folder as the source."
  });
}

// src/workers/local/copy/execute.ts
import { constants as zlibConstants, deflateSync as deflateSync2, inflateSync } from "node:zlib";

// src/workers/local/copy/apply.ts
import {
  chmodSync as chmodSync2,
  closeSync as closeSync7,
  constants as constants4,
  fstatSync as fstatSync4,
  lchownSync as lchownSync2,
  linkSync,
  mkdirSync as mkdirSync4,
  openSync as openSync6,
  readlinkSync as readlinkSync3,
  rmSync as rmSync2,
  symlinkSync as symlinkSync2,
  writeSync as writeSync2
} from "node:fs";
import { join as join5, posix as posix3 } from "node:path";

// src/kit/copy-node.ts
import { chmodSync, closeSync as closeSync6, constants as constants3, fstatSync as fstatSync3, ftruncateSync, lchownSync, mkdirSync as mkdirSync3, openSync as openSync5, symlinkSync } from "node:fs";
function copyNode(from, to) {
  const entry = readEntry(from, "");
  makeEntry(entry, from, to);
}
function makeEntry(entry, content, to) {
  switch (entry.type) {
    case "file":
      copyContent(content, to);
      break;
    case "directory":
      mkdirSync3(fsPath(to));
      break;
    case "symlink":
      symlinkSync(encodeName(entry.link), fsPath(to));
      break;
    default:
      makeNode(to, entry.type, entry.mode, entry.device);
  }
  copyMetadata(entry, to);
}
function copyMetadata(entry, to) {
  lchownSync(fsPath(to), entry.uid, entry.gid);
  if (entry.type !== "symlink") chmodSync(fsPath(to), entry.mode);
  for (const [name, value] of entry.xattrs ?? []) setXattr(to, name, value);
  setTimes(to, entry.mtimeNs);
}
function copyContent(from, to) {
  const input = openSync5(fsPath(from), constants3.O_RDONLY | constants3.O_NOFOLLOW);
  try {
    const output = openSync5(fsPath(to), constants3.O_WRONLY | constants3.O_CREAT | constants3.O_EXCL, 384);
    try {
      copyOpenFile(input, output);
    } finally {
      closeSync6(output);
    }
  } finally {
    closeSync6(input);
  }
}
function copyOpenFile(input, output) {
  const stats = fstatSync3(input);
  if (stats.size === 0) return;
  if (stats.size > 4096 && reflink(input, output)) return;
  if (stats.blocks * 512 < stats.size) return copySparse(input, output, stats.size);
  copyRange(input, output, stats.size);
}
function copySparse(input, output, size) {
  ftruncateSync(output, size);
  let at = 0;
  while (at < size) {
    const start = seek(input, at, "data");
    if (start === void 0) return;
    const end = seek(input, start, "hole") ?? size;
    seek(input, start, "set");
    seek(output, start, "set");
    if (copyRange(input, output, end - start) === 0) return;
    at = end;
  }
}

// src/workers/local/copy/apply.ts
function applyAll(root, list) {
  const writer = openWriter(root, list.contents);
  try {
    for (const target of list.targets) writer.put(target);
  } finally {
    writer.finish();
  }
}
function applyDifference(root, list, difference, isInParent) {
  const writer = openWriter(root, list.contents, isInParent);
  try {
    for (const target of difference.removed.toReversed()) writer.remove(target);
    for (const target of difference.changed) writer.put(target);
    for (const target of difference.touched) writer.touch(target);
  } finally {
    writer.finish();
  }
}
function openWriter(root, contents, isInParent) {
  const rootFd = openFolder(root);
  const umask = process.umask(0);
  const realFolders = /* @__PURE__ */ new Map();
  const times = /* @__PURE__ */ new Map();
  const realFolder = (path) => {
    const known2 = realFolders.get(path);
    if (known2 !== void 0) return known2;
    const real = resolveFolder(rootFd, root, path, times);
    realFolders.set(path, real);
    return real;
  };
  const hostOf = (target) => {
    if (target.path === "") return root;
    const folder = realFolder(parentOf(target.path));
    if (!times.has(folder)) times.set(folder, mtimeOf(folder));
    return join5(folder, posix3.basename(target.path));
  };
  const isKept = (target, real) => target.isDest === true && (isInParent === void 0 || isInParent(real.slice(root.length + 1)));
  const setFolder = (target, real) => {
    setMetadata(target, real);
    times.set(real, BigInt(target.mtime));
  };
  return {
    put(target) {
      const host = hostOf(target);
      if (target.type !== "directory") {
        makeFile(target, host, contents.get(target.path), (path) => hostOf({ ...target, path }));
        return;
      }
      const existing = existingFolder(rootFd, root, host, target);
      if (existing === void 0) mkdirSync4(fsPath(host), target.mode);
      const real = existing ?? host;
      realFolders.set(target.path, real);
      if (existing === void 0 || !isKept(target, real)) setFolder(target, real);
    },
    remove(target) {
      rmSync2(fsPath(hostOf(target)), { recursive: true, force: true });
    },
    touch(target) {
      const host = hostOf(target);
      if (target.type !== "directory") {
        setMetadata(target, host);
        setTimes(host, BigInt(target.mtime));
        return;
      }
      const real = existingFolder(rootFd, root, host, target) ?? host;
      if (!isKept(target, real)) setFolder(target, real);
    },
    finish() {
      process.umask(umask);
      closeSync7(rootFd);
      for (const [folder, mtime] of times) setTimes(folder, mtime);
    }
  };
}
function parentOf(path) {
  const folder = posix3.dirname(path);
  return folder === "." ? "" : folder;
}
function mtimeOf(host) {
  return lstatIfAny(host)?.mtimeNs ?? 0n;
}
function resolveFolder(rootFd, root, path, times) {
  if (path === "") return root;
  const found2 = openFolderInRoot(rootFd, path);
  if (found2 !== void 0) return found2;
  const parent = resolveFolder(rootFd, root, parentOf(path), times);
  const host = join5(parent, posix3.basename(path));
  if (!times.has(parent)) times.set(parent, mtimeOf(parent));
  try {
    mkdirSync4(fsPath(host), 493);
  } catch (error) {
    if (errnoOf(error) !== "EEXIST") throw error;
    throw wrongUse("not-a-folder", `/${path} of the image is not a folder, so nothing can be copied into it.`);
  }
  times.set(host, 0n);
  return host;
}
function openFolderInRoot(rootFd, path) {
  try {
    const fd = openInRoot(rootFd, path, O_PATH | constants4.O_DIRECTORY);
    try {
      return decodeName(readlinkSync3(descriptorPath(fd), { encoding: "buffer" }));
    } finally {
      closeSync7(fd);
    }
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes(errnoOf(error) ?? "")) return void 0;
    if (errnoOf(error) === "ELOOP") throw outside("symlink-loop", `/${path} of the image is a loop of symlinks.`);
    throw error;
  }
}
function existingFolder(rootFd, root, host, target) {
  const stats = lstatIfAny(host);
  if (stats === void 0) return void 0;
  if (typeOf(stats) === "directory") return host;
  const linked = typeOf(stats) === "symlink" && target.isDest ? openFolderInRoot(rootFd, target.path) : void 0;
  if (linked?.startsWith(root)) return linked;
  throw wrongUse("not-a-folder", `/${target.path} of the image is not a folder, but a folder is copied to it.`);
}
function makeFile(target, host, content, hostOfLink) {
  const existing = lstatIfAny(host);
  if (existing !== void 0) {
    if (typeOf(existing) === "directory") {
      throw wrongUse("is-a-folder", `/${target.path} of the image is a folder, but a file is copied to it.`);
    }
    rmSync2(fsPath(host));
  }
  if (target.sameAs !== void 0) {
    linkSync(fsPath(hostOfLink(target.sameAs)), fsPath(host));
    return;
  }
  if (target.type === "symlink") symlinkSync2(encodeName(target.link), fsPath(host));
  else if (target.type === "file") writeContent(target, host, content);
  else makeNode(host, target.type, target.mode, target.device);
  if (target.type === "symlink" || target.uid !== 0 || target.gid !== 0 || target.xattrs || (target.mode & 3584) !== 0) {
    setMetadata(target, host);
  }
  setTimes(host, BigInt(target.mtime));
}
function setMetadata(target, host) {
  lchownSync2(fsPath(host), target.uid, target.gid);
  if (target.type !== "symlink") chmodSync2(fsPath(host), target.mode);
  for (const name of readXattrs(host)?.keys() ?? []) {
    if (target.xattrs?.[name] === void 0 && /^(user\.|security\.capability$|system\.posix_acl)/.test(name)) removeXattr(host, name);
  }
  for (const [name, value] of Object.entries(target.xattrs ?? {})) setXattr(host, name, Buffer.from(value, "base64"));
}
function writeContent(target, host, content) {
  const to = openSync6(fsPath(host), constants4.O_WRONLY | constants4.O_CREAT | constants4.O_EXCL, target.mode);
  try {
    if ("inline" in content) {
      const data = Buffer.from(content.inline);
      for (let at = 0; at < data.length; ) at += writeSync2(to, data, at);
      return;
    }
    const from = openSync6(fsPath(content.host), constants4.O_RDONLY | constants4.O_NOFOLLOW);
    try {
      copyOpenFile(from, to);
      checkListed(content.host, content.listed, fstatSync4(from, { bigint: true }));
    } finally {
      closeSync7(from);
    }
  } catch (error) {
    const hostFile = "host" in content ? content.host : "";
    if (hostFile && ["ENOENT", "ELOOP"].includes(errnoOf(error) ?? "")) throw changedWhileRead(hostFile, error);
    throw error;
  } finally {
    closeSync7(to);
  }
  if ("host" in content && content.listed.racy && hashFile(host) !== target.digest) throw changedWhileRead(content.host);
}

// src/workers/local/copy/manifests.ts
import { constants as constants5, deflateSync } from "node:zlib";
function rememberManifests(store2, contents, copy, snapshotOf) {
  const insert = store2.db.prepare("INSERT OR IGNORE INTO manifests (digest, data, last_used_ms) VALUES (?, ?, ?)");
  const has = store2.db.prepare("SELECT 1 FROM manifests WHERE digest = ?");
  const facts = contents.facts(copy, snapshotOf);
  const input = contents.input(copy, snapshotOf);
  for (const [index, [path, digest]] of Object.entries(facts).entries()) {
    if (has.get(digest) !== void 0) continue;
    const manifest = copy.from.type === "inline" ? settingsManifest(copy.from.files.find((file) => file.path === path)) : listingManifest(input.sources[index]?.listing ?? [], path);
    if (manifest) insert.run(digest, deflateSync(JSON.stringify(manifest), { level: constants5.Z_BEST_SPEED }), Date.now());
  }
}
function listingManifest(listing, path) {
  const folder = path === "." || path === "" ? "" : `${path.replace(/\/$/, "")}/`;
  return Object.fromEntries(
    listing.map((entry) => [
      entry.path === "" ? path : folder + entry.path,
      [entry.type, entry.mode.toString(8), entry.digest?.slice(0, 12) ?? entry.link ?? ""].join(" ").trim()
    ])
  );
}
function settingsManifest(file) {
  const lines = file.data.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("#"));
  const settings = lines.map((line) => /^(?:export )?(?<name>[A-Za-z_]\w*)=(?<value>.*)$/.exec(line)?.groups);
  if (settings.length === 0 || settings.some((setting) => setting === void 0)) return void 0;
  return Object.fromEntries(
    settings.map((setting) => [`setting ${setting?.["name"]}`, sha256(setting?.["value"] ?? "").slice(7, 19)])
  );
}

// src/workers/local/copy/execute.ts
var largestDifference = 0.2;
function executeCopy(store2, snapshots, contents, op, task) {
  const startedMs = performance.now();
  const parent = snapshots.stackOf(task.base);
  const locate = (path) => path === "" ? void 0 : snapshots.driver.locate(parent, path);
  const list = listTargets(
    op.copies.map((copy) => contents.input(copy, task.snapshotOf)),
    (path) => path === "" || isFolder(locate(path))
  );
  const slot = slotOf(op, task);
  const last = lastResult(store2, slot, list, locate);
  const workspace = last ? snapshots.forkResult(last.snapshot) : snapshots.fork(task.base);
  const snapshot = finish(snapshots, workspace, () => {
    if (last) applyDifference(workspace.root, list, last.difference, (path) => path === "" || locate(path) !== void 0);
    else applyAll(workspace.root, list);
    return snapshots.commit(workspace, {
      key: task.key,
      alias: task.alias,
      parent: task.base,
      onResult: last?.snapshot,
      stage: task.step.stage,
      title: task.step.title,
      durationMs: performance.now() - startedMs
    });
  });
  if (!last) rememberResult(store2, slot, snapshot, list);
  for (const copy of op.copies) rememberManifests(store2, contents, copy, task.snapshotOf);
  return snapshot;
}
function finish(snapshots, workspace, body) {
  try {
    return body();
  } catch (error) {
    snapshots.discard(workspace);
    throw error;
  }
}
function isFolder(host) {
  if (host === void 0) return false;
  const stats = lstatIfAny(host);
  return stats !== void 0 && typeOf(stats) === "directory";
}
function slotOf(op, task) {
  const copies = op.copies.map(({ from, ...rest }) => ({
    ...rest,
    from: from.type === "folder" ? from : from.type === "step" ? task.step.stage : from.files.map((file) => file.path)
  }));
  return sha256(canonicalJson([task.base ?? null, copies]));
}
function lastResult(store2, slot, list, locate) {
  const row = store2.db.prepare("SELECT snapshot, manifest FROM copy_slots WHERE slot = ?").get(slot);
  if (row === void 0 || findSnapshot(store2.db, row.snapshot) === void 0) return void 0;
  const before = JSON.parse(inflateSync(row.manifest).toString());
  const difference = compareTargets(before, list.targets);
  const { removed, changed, touched } = difference;
  if (removed.length + changed.length + touched.length > 8 + list.targets.length * largestDifference) return void 0;
  if ([...before, ...list.targets].some((target) => target.sameAs !== void 0)) return void 0;
  if (removed.some((target) => locate(target.path) !== void 0 || passesLink(target.path, locate))) return void 0;
  return { snapshot: row.snapshot, difference };
}
function passesLink(path, locate) {
  const names = path.split("/").slice(0, -1);
  return names.some((_, index) => {
    const host = locate(names.slice(0, index + 1).join("/"));
    return host !== void 0 && typeOf(lstat(host)) === "symlink";
  });
}
function rememberResult(store2, slot, snapshot, list) {
  if (list.targets.length < 50) return;
  const manifest = deflateSync2(JSON.stringify(list.targets), { level: zlibConstants.Z_BEST_SPEED });
  store2.db.prepare("INSERT OR REPLACE INTO copy_slots (slot, snapshot, manifest) VALUES (?, ?, ?)").run(slot, snapshot, manifest);
}

// src/workers/local/execute-run.ts
import { mkdirSync as mkdirSync10, renameSync as renameSync3 } from "node:fs";
import { join as join6 } from "node:path";
import { closeSync as closeSync10, readlinkSync as readlinkSync8 } from "node:fs";

// src/workers/local/builder-root.ts
import {
  chmodSync as chmodSync3,
  lstatSync as lstatSync3,
  mkdirSync as mkdirSync5,
  readFileSync as readFileSync3,
  readlinkSync as readlinkSync5,
  rmSync as rmSync3,
  symlinkSync as symlinkSync3,
  writeFileSync
} from "node:fs";

// src/workers/local/host-identity.ts
import { createHash as createHash4 } from "node:crypto";
import { lstatSync as lstatSync2, readdirSync as readdirSync3, readFileSync as readFileSync2, readlinkSync as readlinkSync4 } from "node:fs";
var left = /* @__PURE__ */ new Set([
  "adjtime",
  "hostname",
  "hosts",
  "machine-id",
  "resolv.conf",
  // Made anew for the builder root, whatever their modes are here.
  "gshadow",
  "shadow",
  "sudoers"
]);
function listEtc() {
  const shown = [];
  const hidden = [];
  const walk2 = (folder) => {
    for (const name of namesIn(`/etc${folder && `/${folder}`}`)) {
      const path = folder === "" ? name : `${folder}/${name}`;
      const stats = lstatSync2(fsPath(`/etc/${path}`), { bigint: true, throwIfNoEntry: false });
      if (stats === void 0) continue;
      const isFolder2 = stats.isDirectory();
      if (isHidden(path, stats)) hidden.push(path);
      else shown.push({ path, stats });
      if (isFolder2 && hidden.at(-1) !== path) walk2(path);
    }
  };
  walk2("");
  return { shown, hidden };
}
function namesIn(folder) {
  const names = readdirSync3(fsPath(folder));
  const isLossless = !names.some((name) => name.includes("\uFFFD"));
  return (isLossless ? names : readdirSync3(fsPath(folder), { encoding: "buffer" }).map(decodeName)).sort();
}
function isHidden(path, stats) {
  if (path === "hostname" || path === "hosts" || path === "resolv.conf") return false;
  if (left.has(path)) return true;
  if (stats.isSymbolicLink()) return false;
  if (path === "mtab") return true;
  const needed = stats.isDirectory() ? 0o5n : stats.isFile() ? 0o4n : void 0;
  return needed === void 0 || (stats.mode & needed) !== needed;
}
function hostIdentity(cache) {
  const identity = { etc: etcDigest(cache) };
  const release = ["/etc/os-release", "/usr/lib/os-release"].map(contentOf2).find((text) => text !== void 0);
  if (release !== void 0) identity["release"] = sha256(release);
  for (const path of packageDatabases) {
    const stats = lstatSync2(path, { bigint: true, throwIfNoEntry: false });
    if (stats === void 0) continue;
    const digest = remembered(cache, path, [stats], () => {
      return sha256(stats.isDirectory() ? readdirSync3(path).sort().join("\n") : readFileSync2(path));
    });
    identity[`packages ${path}`] = digest;
  }
  return identity;
}
var packageDatabases = [
  "/var/lib/dpkg/status",
  "/var/lib/rpm/rpmdb.sqlite",
  "/var/lib/rpm/Packages",
  "/usr/lib/sysimage/rpm/rpmdb.sqlite",
  "/var/lib/pacman/local",
  "/lib/apk/db/installed"
];
function contentOf2(path) {
  try {
    return readFileSync2(path);
  } catch {
    return void 0;
  }
}
var grainNs = 2000000000n;
function remembered(cache, name, stats, compute) {
  let newest = 0n;
  const numbers2 = new BigInt64Array(
    stats.flatMap((each) => {
      if (each.ctimeNs > newest) newest = each.ctimeNs;
      return [each.dev, each.ino, each.size, each.mode, each.uid, each.gid, each.mtimeNs, each.ctimeNs];
    })
  );
  const fingerprint2 = createHash4("sha256").update(name).update(numbers2).digest("hex");
  const isSettled = BigInt(Date.now()) * 1000000n - newest > grainNs;
  const known2 = isSettled ? cache.get(fingerprint2) : void 0;
  if (known2 !== void 0) return known2;
  const digest = compute();
  if (isSettled) cache.set(fingerprint2, digest);
  return digest;
}
function etcDigest(cache) {
  const shown = listEtc().shown.filter(({ path }) => !left.has(path));
  const names = shown.map(({ path }) => path).join("\0");
  return remembered(
    cache,
    `/etc ${isEscaped(names) ? encodeName(names).toString("hex") : names}`,
    shown.map(({ stats }) => stats),
    () => {
      const hash2 = createHash4("sha256");
      for (const entry of shown) hash2.update(`${canonicalJson(describe(entry))}
`);
      return `sha256:${hash2.digest("hex")}`;
    }
  );
}
function describe({ path, stats }) {
  const at = fsPath(`/etc/${path}`);
  return {
    path,
    mode: Number(stats.mode),
    owner: `${stats.uid}:${stats.gid}`,
    link: stats.isSymbolicLink() ? decodeName(readlinkSync4(at, { encoding: "buffer" })) : void 0,
    content: stats.isFile() ? sha256(readFileSync2(at)) : void 0
  };
}

// src/workers/local/builder-root.ts
function mountHostBuilder(dir) {
  const rootfs = `${dir}/root`;
  const mounted = [];
  const unmountAll = () => {
    for (const at of mounted.splice(0).reverse()) unmount(at);
  };
  const overlay = (name, prepare) => {
    const [upper, work, at] = [`${dir}/${name}-upper`, `${dir}/${name}-work`, `${rootfs}/${name}`];
    mkdirLike(`/${name}`, upper);
    mkdirSync5(work);
    mkdirSync5(at);
    prepare(upper);
    mountOverlay({ lowers: [`/${name}`], upper: { dir: upper, work }, at });
    mounted.push(at);
  };
  try {
    makeSkeleton(rootfs);
    overlay("usr", hideLocal);
    overlay("etc", prepareEtc);
    for (const name of programFolders) {
      const found2 = lstatSync3(`/${name}`, { throwIfNoEntry: false });
      if (found2?.isSymbolicLink()) symlinkSync3(readlinkSync5(`/${name}`), `${rootfs}/${name}`);
      else if (found2?.isDirectory()) overlay(name, () => {
      });
    }
  } catch (error) {
    unmountAll();
    throw error;
  }
  return { rootfs, unmount: unmountAll };
}
var programFolders = ["bin", "sbin", "lib", "lib32", "lib64", "libx32"];
function mkdirLike(model, path) {
  mkdirSync5(path);
  chmodSync3(path, lstatSync3(model).mode & 4095);
}
function hideLocal(upper) {
  mkdirSync5(`${upper}/local`);
  setXattr(`${upper}/local`, "trusted.overlay.opaque", Buffer.from("y"));
  for (const name of ["bin", "etc", "include", "lib", "sbin", "share", "src"]) mkdirSync5(`${upper}/local/${name}`);
}
function prepareEtc(upper) {
  for (const path of listEtc().hidden) {
    const parent = path.split("/").slice(0, -1);
    for (let depth = 1; depth <= parent.length; depth++) {
      const folder = parent.slice(0, depth).join("/");
      if (lstatSync3(`${upper}/${folder}`, { throwIfNoEntry: false }) === void 0) {
        mkdirLike(`/etc/${folder}`, `${upper}/${folder}`);
      }
    }
    makeNode(`${upper}/${path}`, "char", 0);
  }
  const put = (name, text, mode) => {
    rmSync3(`${upper}/${name}`, { force: true });
    writeFileSync(`${upper}/${name}`, text, { mode });
    chmodSync3(`${upper}/${name}`, mode);
  };
  put("sudoers", "root ALL=(ALL:ALL) NOPASSWD: ALL\n", 288);
  put("shadow", namesOf("/etc/passwd").map((name) => `${name}:*:19000:0:99999:7:::
`).join(""), 416);
  put("gshadow", namesOf("/etc/group").map((name) => `${name}:*::
`).join(""), 416);
}
function namesOf(file) {
  return readFileSync3(file, "utf8").split("\n").flatMap((line) => line.match(/^([^:#+]+):/)?.[1] ?? []);
}
var folders2 = [
  ...["", "boot", "dev", "home", "media", "mnt", "opt", "proc", "run", "srv", "sys", "var"].map(
    (path) => [path, 493]
  ),
  ["root", 448],
  ["tmp", 1023],
  ["run/lock", 1023],
  ["var/tmp", 1023],
  ["var/backups", 493],
  ["var/cache", 493],
  ["var/cache/apt", 493],
  ["var/cache/apt/archives", 493],
  ["var/cache/apt/archives/partial", 448],
  ["var/cache/debconf", 493],
  ["var/cache/ldconfig", 448],
  ["var/lib", 493],
  ["var/lib/apt", 493],
  ["var/lib/apt/lists", 493],
  ["var/lib/apt/lists/partial", 448],
  ["var/lib/dpkg", 493],
  ["var/lib/dpkg/alternatives", 493],
  ["var/lib/dpkg/info", 493],
  ["var/lib/dpkg/parts", 493],
  ["var/lib/dpkg/triggers", 493],
  ["var/lib/dpkg/updates", 493],
  ["var/log", 493],
  ["var/log/apt", 493],
  ["var/mail", 493],
  ["var/spool", 493]
];
function makeSkeleton(rootfs) {
  for (const [path, mode] of folders2) {
    mkdirSync5(`${rootfs}/${path}`);
    chmodSync3(`${rootfs}/${path}`, mode);
  }
  for (const name of ["status", "available"]) writeFileSync(`${rootfs}/var/lib/dpkg/${name}`, "", { mode: 420 });
  symlinkSync3("/run", `${rootfs}/var/run`);
  symlinkSync3("/run/lock", `${rootfs}/var/lock`);
}

// src/workers/local/runtimes/probe.ts
import { execFile } from "node:child_process";
import { randomBytes as randomBytes2 } from "node:crypto";
import { mkdirSync as mkdirSync9, mkdtempSync, readFileSync as readFileSync11, renameSync as renameSync2, rmSync as rmSync4, statSync as statSync6, symlinkSync as symlinkSync4, lstatSync as lstatSync6, readlinkSync as readlinkSync7, writeFileSync as writeFileSync5 } from "node:fs";
import { tmpdir } from "node:os";
import { promisify } from "node:util";

// src/workers/local/runtimes/programs.ts
import { accessSync, constants as constants6 } from "node:fs";
var found = /* @__PURE__ */ new Map();
function findProgram(name) {
  if (!found.has(name)) {
    const folders3 = [...(process.env["PATH"] ?? "").split(":"), "/usr/sbin", "/usr/bin", "/sbin", "/bin"];
    found.set(
      name,
      folders3.filter((folder) => folder.startsWith("/")).map((folder) => `${folder}/${name}`).find(isExecutable)
    );
  }
  return found.get(name);
}
function isExecutable(path) {
  try {
    accessSync(path, constants6.X_OK);
    return true;
  } catch {
    return false;
  }
}

// src/workers/local/runtimes/run.ts
import { lstatSync as lstatSync5, mkdirSync as mkdirSync8, statSync as statSync5, writeFileSync as writeFileSync4 } from "node:fs";
import { constants as constants8 } from "node:os";
import { performance as performance2 } from "node:perf_hooks";

// src/workers/local/runtimes/cgroups.ts
import { mkdirSync as mkdirSync6, readFileSync as readFileSync4, readdirSync as readdirSync4, rmdirSync, statSync as statSync3 } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
var parentName = "cambium";
function parseHierarchies(mounts) {
  const found2 = /* @__PURE__ */ new Map();
  for (const line of mounts.split("\n")) {
    const [, mount2 = "", type, options = ""] = line.split(" ");
    if (type === "cgroup2") found2.set(mount2, { mount: mount2, version: 2, controllers: [] });
    if (type === "cgroup") found2.set(mount2, { mount: mount2, version: 1, controllers: options.split(",") });
  }
  return [...found2.values()];
}
var known;
function hierarchies() {
  known ??= parseHierarchies(readFileSync4("/proc/self/mounts", "utf8"));
  return known;
}
function cgroupPath(id) {
  return `/${parentName}/${id}`;
}
function makeUnifiedCgroup(id) {
  const unified = hierarchies().find(({ version }) => version === 2);
  if (unified === void 0) return void 0;
  const folder = unified.mount + cgroupPath(id);
  mkdirSync6(folder, { recursive: true });
  return folder;
}
function hasSwapLimit() {
  if ((read("/proc/swaps") ?? "").trim().split("\n").length < 2) return false;
  const memory = hierarchyOf("memory");
  return memory === void 0 || read(`${memory.mount}/memory.memsw.limit_in_bytes`) !== void 0;
}
function hierarchyOf(controller) {
  return hierarchies().find(({ controllers }) => controllers.includes(controller));
}
function readUsage(id) {
  const usage = { oomKills: 0 };
  for (const { mount: mount2, version, controllers } of hierarchies()) {
    const file = (name) => read(`${mount2}${cgroupPath(id)}/${name}`);
    const take = (field2, value) => {
      if (value !== void 0) usage[field2] = value;
    };
    if (version === 2) {
      const micros = field(file("cpu.stat"), "usage_usec");
      take("cpuMs", micros === void 0 ? void 0 : micros / 1e3);
      take("peakMemoryBytes", numeric(file("memory.peak")));
      usage.oomKills += field(file("memory.events"), "oom_kill") ?? 0;
    } else if (controllers.includes("memory")) {
      take("peakMemoryBytes", numeric(file("memory.max_usage_in_bytes")));
      usage.oomKills += field(file("memory.oom_control"), "oom_kill") ?? 0;
    } else if (controllers.includes("cpuacct")) {
      const nanos = numeric(file("cpuacct.usage"));
      take("cpuMs", nanos === void 0 ? void 0 : nanos / 1e6);
    }
  }
  return usage;
}
function read(path) {
  try {
    return readFileSync4(path, "utf8");
  } catch {
    return void 0;
  }
}
function numeric(text) {
  const value = Number.parseInt(text ?? "", 10);
  return Number.isNaN(value) ? void 0 : value;
}
function field(text, name) {
  return numeric(text?.match(new RegExp(`^${name} (\\d+)$`, "m"))?.[1]);
}
async function removeCgroup(id) {
  for (const { mount: mount2 } of hierarchies()) await removeFolder(mount2 + cgroupPath(id));
}
async function removeCgroups(idPrefix) {
  const ids = /* @__PURE__ */ new Set();
  for (const { mount: mount2 } of hierarchies()) {
    for (const name of foldersOf(`${mount2}/${parentName}`)) {
      if (name.startsWith(idPrefix)) ids.add(name);
    }
  }
  for (const id of ids) await removeCgroup(id);
  return [...ids].sort();
}
var patienceMs = 2e3;
async function removeFolder(folder) {
  const deadline = Date.now() + patienceMs;
  for (; ; ) {
    try {
      rmdirSync(folder);
      return;
    } catch (error) {
      const code = errnoOf(error);
      if (code === "ENOENT") return;
      if (Date.now() > deadline || code !== "EBUSY" && code !== "ENOTEMPTY") throw error;
    }
    for (const name of foldersOf(folder)) await removeFolder(`${folder}/${name}`);
    for (const pid of (read(`${folder}/cgroup.procs`) ?? "").split("\n")) kill(Number(pid));
    await sleep(2);
  }
}
function kill(pid) {
  if (!(pid > 1)) return;
  try {
    process.kill(pid, "SIGKILL");
  } catch {
  }
}
function foldersOf(folder) {
  try {
    return readdirSync4(folder, { withFileTypes: true }).filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch {
    return [];
  }
}

// src/workers/local/runtimes/config.ts
import { readFileSync as readFileSync6 } from "node:fs";

// src/workers/local/runtimes/capabilities.ts
import { readFileSync as readFileSync5 } from "node:fs";
var dockerDefault = [
  "CAP_AUDIT_WRITE",
  "CAP_CHOWN",
  "CAP_DAC_OVERRIDE",
  "CAP_FOWNER",
  "CAP_FSETID",
  "CAP_KILL",
  "CAP_MKNOD",
  "CAP_NET_BIND_SERVICE",
  "CAP_NET_RAW",
  "CAP_SETFCAP",
  "CAP_SETGID",
  "CAP_SETPCAP",
  "CAP_SETUID",
  "CAP_SYS_CHROOT"
];
var forBuilders = [
  ...dockerDefault,
  "CAP_IPC_LOCK",
  "CAP_LEASE",
  "CAP_LINUX_IMMUTABLE",
  "CAP_SYS_ADMIN",
  "CAP_SYS_NICE",
  "CAP_SYS_RESOURCE"
];
function capabilitiesOf(security, isRoot) {
  const bounding = (security === "builder" ? forBuilders : dockerDefault).filter(isHeld());
  return isRoot ? { bounding, effective: bounding, permitted: bounding } : { bounding };
}
var numbers = {
  CAP_CHOWN: 0,
  CAP_DAC_OVERRIDE: 1,
  CAP_FOWNER: 3,
  CAP_FSETID: 4,
  CAP_KILL: 5,
  CAP_SETGID: 6,
  CAP_SETUID: 7,
  CAP_SETPCAP: 8,
  CAP_LINUX_IMMUTABLE: 9,
  CAP_NET_BIND_SERVICE: 10,
  CAP_NET_RAW: 13,
  CAP_IPC_LOCK: 14,
  CAP_SYS_CHROOT: 18,
  CAP_SYS_ADMIN: 21,
  CAP_SYS_NICE: 23,
  CAP_SYS_RESOURCE: 24,
  CAP_MKNOD: 27,
  CAP_LEASE: 28,
  CAP_AUDIT_WRITE: 29,
  CAP_SETFCAP: 31
};
function isHeld() {
  const bounding = readFileSync5("/proc/self/status", "utf8").match(/^CapBnd:\s*([0-9a-f]+)/m)?.[1];
  const bits = BigInt(`0x${bounding ?? "ffffffffffffffff"}`);
  return (name) => (bits >> BigInt(numbers[name] ?? 63) & 1n) === 1n;
}

// src/workers/local/runtimes/seccomp.ts
var words = (text) => text.trim().split(/\s+/);
var twice = (suffix, text) => words(text).flatMap((name) => [name, `${name}${suffix}`]);
var files = [
  ...words(`access faccessat faccessat2 open openat openat2 creat close close_range dup dup2 dup3 read readv pread64
    preadv preadv2 write writev pwrite64 pwritev pwritev2 lseek _llseek link linkat unlink unlinkat rename renameat
    renameat2 symlink symlinkat readlink readlinkat mkdir mkdirat rmdir mknod mknodat chdir fchdir getcwd umask
    chmod fchmod fchmodat fchmodat2 fchownat stat lstat fstat newfstatat statx utime utimes futimesat flock
    getdents getdents64 sync syncfs fsync fdatasync sync_file_range fallocate copy_file_range splice tee vmsplice
    readahead cachestat name_to_handle_at ioctl statmount listmount`),
  ...twice("64", "fcntl stat lstat fstat fstatat statfs fstatfs truncate ftruncate sendfile"),
  ...words("fadvise64 fadvise64_64 utimensat utimensat_time64"),
  ...twice("32", "chown fchown lchown"),
  ...["get", "set", "list", "remove"].flatMap((verb) => ["", "l", "f"].map((kind) => `${kind}${verb}xattr`)),
  ...words("getxattrat setxattrat listxattrat removexattrat"),
  ...words("inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark")
];
var processes = [
  ...words(`fork vfork execve execveat exit exit_group wait4 waitid waitpid kill tkill tgkill pause
    pidfd_open pidfd_send_signal process_mrelease ptrace process_vm_readv process_vm_writev getpid getppid gettid getpgid getpgrp
    setpgid getsid setsid prctl prlimit64 getrlimit setrlimit ugetrlimit getrusage times uname sysinfo
    getpriority setpriority ioprio_get ioprio_set capget capset seccomp rseq set_tid_address
    get_robust_list set_robust_list get_thread_area set_thread_area restart_syscall getcpu getrandom membarrier
    landlock_create_ruleset landlock_add_rule landlock_restrict_self lsm_get_self_attr lsm_set_self_attr lsm_list_modules`),
  ...twice(
    "32",
    `getuid geteuid getgid getegid getresuid getresgid getgroups setuid setgid setreuid setregid setresuid setresgid
    setfsuid setfsgid setgroups`
  ),
  ...words(`sched_yield sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getparam sched_setparam
    sched_getscheduler sched_setscheduler sched_get_priority_min sched_get_priority_max sched_rr_get_interval
    sched_rr_get_interval_time64`),
  ...words(`rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
    rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack sigprocmask sigreturn signalfd signalfd4`)
];
var memoryAndWaiting = [
  ...words(`brk mmap mmap2 munmap mremap mprotect madvise mincore msync mlock mlock2 mlockall munlock munlockall
    remap_file_pages memfd_create memfd_secret pkey_alloc pkey_free pkey_mprotect map_shadow_stack mseal`),
  ...words(`select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64 epoll_create epoll_create1 epoll_ctl
    epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 eventfd eventfd2 futex futex_time64 futex_wait futex_wake
    futex_requeue futex_waitv pipe pipe2 io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents
    io_pgetevents_time64`),
  ...words(`ipc msgget msgctl msgrcv msgsnd semget semctl semop semtimedop semtimedop_time64 shmget shmctl shmat shmdt
    mq_open mq_unlink mq_notify mq_getsetattr mq_timedsend mq_timedsend_time64 mq_timedreceive mq_timedreceive_time64`)
];
var network = words(`socketcall socketpair bind connect listen accept accept4 shutdown getsockname getpeername
  getsockopt setsockopt send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64`);
var clocks = [
  ...words(`time gettimeofday nanosleep alarm getitimer setitimer adjtimex clock_nanosleep clock_nanosleep_time64
    clock_getres clock_getres_time64 timer_create timer_delete timer_getoverrun timerfd_create`),
  ...twice("64", "clock_gettime clock_adjtime timer_gettime timer_settime timerfd_gettime timerfd_settime")
];
var architectures = {
  x64: {
    names: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
    calls: ["arch_prctl", "modify_ldt"]
  },
  arm64: {
    names: ["SCMP_ARCH_AARCH64", "SCMP_ARCH_ARM"],
    calls: words("arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls")
  },
  riscv64: { names: ["SCMP_ARCH_RISCV64"], calls: ["riscv_flush_icache", "riscv_hwprobe"] }
};
var namespaceFlags = 2114060288;
var vsock = 40;
var personalities = [0, 8, 131072, 131080, 4294967295];
var ENOSYS = 38;
function defaultRules(calls) {
  const allow = (names) => ({ names, action: "SCMP_ACT_ALLOW" });
  return [
    allow([...files, ...processes, ...memoryAndWaiting, ...network, ...clocks, ...calls, "chroot"]),
    { ...allow(["socket"]), args: [{ index: 0, value: vsock, op: "SCMP_CMP_NE" }] },
    ...personalities.map((value) => ({
      ...allow(["personality"]),
      args: [{ index: 0, value, op: "SCMP_CMP_EQ" }]
    })),
    { ...allow(["clone"]), args: [{ index: 0, value: namespaceFlags, valueTwo: 0, op: "SCMP_CMP_MASKED_EQ" }] },
    // clone3 has its flags in memory, where a filter can't look: the C library falls back to clone.
    { names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: ENOSYS }
  ];
}
var neverInBuilders = words(`acct add_key bpf clock_settime clock_settime64 delete_module finit_module init_module
  ioperm iopl kexec_file_load kexec_load keyctl lookup_dcookie nfsservctl open_by_handle_at perf_event_open
  query_module reboot request_key settimeofday stime swapoff swapon syslog userfaultfd`);
function seccompOf(security, architecture = process.arch) {
  const machine = architectures[architecture];
  if (machine === void 0) return void 0;
  if (security === "builder") {
    return {
      defaultAction: "SCMP_ACT_ALLOW",
      architectures: machine.names,
      syscalls: [{ names: neverInBuilders, action: "SCMP_ACT_ERRNO", errnoRet: 1 }]
    };
  }
  return {
    defaultAction: "SCMP_ACT_ERRNO",
    defaultErrnoRet: 1,
    architectures: machine.names,
    syscalls: defaultRules(machine.calls)
  };
}

// src/workers/local/runtimes/config.ts
var defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
var openFiles = 1048576;
var cpuPeriodUs = 1e5;
var maskedPaths = [
  "/proc/acpi",
  "/proc/asound",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/sys/devices/virtual/powercap",
  "/sys/firmware"
];
var readonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];
function openFilesLimit() {
  const own = readFileSync6("/proc/self/limits", "utf8").match(/^Max open files +\S+ +(\d+)/m)?.[1];
  const limit = Math.min(openFiles, own === void 0 ? openFiles : Number(own));
  return { type: "RLIMIT_NOFILE", hard: limit, soft: limit };
}
function ociConfig({ request, identity, mounts, terminal, netns }) {
  const { security } = request;
  return {
    ociVersion: "1.0.2",
    process: {
      terminal,
      user: { uid: identity.uid, gid: identity.gid, additionalGids: identity.additionalGids },
      args: request.argv,
      env: Object.entries({ PATH: defaultPath, HOME: identity.home, ...request.env }).map(([k, v]) => `${k}=${v}`),
      cwd: request.cwd === "" ? "/" : request.cwd,
      capabilities: capabilitiesOf(security, identity.uid === 0),
      rlimits: [openFilesLimit()],
      noNewPrivileges: request.noNewPrivileges
    },
    root: { path: request.rootfs, readonly: false },
    hostname: request.hostname,
    mounts: [...systemMounts, ...mounts.map(ociMount)],
    linux: {
      cgroupsPath: cgroupPath(request.id),
      namespaces: namespaces(request.network, netns),
      // All devices are refused, save the default ones that a runtime adds; mknod of any is allowed.
      resources: { devices: [{ allow: false, access: "rwm" }], ...limitsOf(request.limits) },
      seccomp: seccompOf(security),
      maskedPaths,
      readonlyPaths
    }
  };
}
var systemMounts = [
  { destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"] },
  {
    destination: "/dev",
    type: "tmpfs",
    source: "tmpfs",
    options: ["nosuid", "strictatime", "mode=755", "size=65536k"]
  },
  {
    destination: "/dev/pts",
    type: "devpts",
    source: "devpts",
    options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]
  },
  {
    destination: "/dev/shm",
    type: "tmpfs",
    source: "shm",
    options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]
  },
  { destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"] },
  { destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"] },
  {
    destination: "/sys/fs/cgroup",
    type: "cgroup",
    source: "cgroup",
    options: ["nosuid", "noexec", "nodev", "relatime", "ro"]
  }
];
function ociMount(mount2) {
  if (mount2.type === "bind") {
    return {
      destination: mount2.target,
      type: "bind",
      source: mount2.source,
      options: ["rbind", "rprivate", mount2.readonly ? "ro" : "rw"]
    };
  }
  const size = mount2.sizeBytes === void 0 ? [] : [`size=${mount2.sizeBytes}`];
  return { destination: mount2.target, type: "tmpfs", source: "tmpfs", options: ["nosuid", "nodev", "mode=1777", ...size] };
}
function namespaces(network2, netns) {
  const own = ["mount", "pid", "ipc", "uts", "cgroup"].map((type) => ({ type }));
  if (network2 === "none") return [...own, { type: "network" }];
  if (network2 === "nat") return [...own, { type: "network", path: netns }];
  return own;
}
function limitsOf({ cpus, memoryBytes, pids }) {
  return {
    ...cpus === void 0 ? {} : { cpu: { period: cpuPeriodUs, quota: Math.max(1e3, Math.round(cpus * cpuPeriodUs)) } },
    ...memoryBytes === void 0 ? {} : (
      // Equal values: no swap beside the memory.
      { memory: { limit: memoryBytes, ...hasSwapLimit() ? { swap: memoryBytes } : {} } }
    ),
    ...pids === void 0 ? {} : { pids: { limit: pids } }
  };
}

// src/workers/local/runtimes/failures.ts
import { readFileSync as readFileSync8 } from "node:fs";

// src/workers/local/runtimes/launch.ts
import { spawn } from "node:child_process";
import { readFileSync as readFileSync7 } from "node:fs";
import { setTimeout as sleep2 } from "node:timers/promises";
function logFile(bundle) {
  return `${bundle}/runtime.log`;
}
var unlessOrphaned = '[ "$PPID" = "$0" ] && exec "$@"';
function launch({ runtime, bundle, id, stdio }) {
  const runtimeArgs = [
    ...["--root", `${bundle}/state`, "--log", logFile(bundle), "--log-format", "json"],
    // Kept, so that its cgroup can be read after the end.
    ...["run", "--keep", "--bundle", bundle, id]
  ];
  const child = spawn(
    required("setpriv"),
    [
      ...["--pdeathsig", "KILL", "/bin/sh", "-c", unlessOrphaned, String(process.pid)],
      ...[required("unshare"), "--pid", "--fork", "--kill-child", "--mount", "--mount-proc"],
      ...[runtime, ...runtimeArgs]
    ],
    {
      stdio: stdio === "pipe" ? ["ignore", "pipe", "pipe"] : "inherit",
      // Of nobody's terminal: Ctrl-C reaches us alone, and we end the run in order.
      detached: stdio === "pipe",
      env: {}
    }
  );
  const ended = new Promise((resolve2) => {
    child.once("error", () => resolve2({ exitCode: 127 }));
    child.once("close", (code) => resolve2({ exitCode: code ?? 137 }));
  });
  return { child, ended, kill: () => killTree(child) };
}
function required(name) {
  const path = findProgram(name);
  if (path !== void 0) return path;
  throw outside("missing-program", `The program ${name} is not installed.`, {
    hint: "Install util-linux (Debian: `apt-get install util-linux`)."
  });
}
var patienceMs2 = 1e4;
async function killTree(child) {
  const pid = child.pid;
  if (pid === void 0 || child.exitCode !== null || child.signalCode !== null) return;
  child.kill("SIGSTOP");
  const deadline = Date.now() + patienceMs2;
  while (!"TZX-".includes(stateOf(pid)) && Date.now() < deadline) await sleep2(1);
  const below = childrenOf(pid);
  for (const each of below) signal(each);
  child.kill("SIGKILL");
  for (const each of below) {
    while (!"ZX-".includes(stateOf(each)) && Date.now() < deadline) await sleep2(1);
  }
}
function signal(pid) {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
  }
}
function stateOf(pid) {
  try {
    const text = readFileSync7(`/proc/${pid}/stat`, "latin1");
    return text.charAt(text.lastIndexOf(")") + 2);
  } catch {
    return "-";
  }
}
function childrenOf(pid) {
  try {
    return readFileSync7(`/proc/${pid}/task/${pid}/children`, "latin1").split(" ").filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

// src/workers/local/runtimes/failures.ts
function startFailure(bundle, argv, held) {
  const said = lastError(bundle) ?? execError(held, argv);
  if (said === void 0) return void 0;
  if (/OOM-killed|memory limit/i.test(said)) {
    const needed = said.match(/peak usage: (\d+)/)?.[1];
    return { kind: "out-of-memory", ...needed === void 0 ? {} : { neededBytes: Number(needed) } };
  }
  const program2 = argv[0] ?? "";
  const exec = said.match(/exec:? "?(.*?)"?: (.*)$/s);
  if (exec) return { kind: "not-found", message: execMessage(program2, exec[2] ?? "") };
  const folder = said.match(/(?:mkdir|chdir to cwd \(")\s*([^"]*?)(?:"\).*)?: (not a directory|permission denied|no such file.*)$/);
  if (folder) return { kind: "not-found", message: `The working folder ${folder[1]} can't be used: ${folder[2]}.` };
  return {
    kind: "broken",
    error: outside("runtime-failed", `The container runtime failed: ${said.replace(/^(runc|crun) run failed: /, "")}.`, {
      hint: "`cambium doctor` says what this machine lacks."
    })
  };
}
function execMessage(program2, reason) {
  if (/permission denied/.test(reason)) return `${program2} is not executable, or a folder.`;
  if (/exec format error/.test(reason)) return `${program2} is no program for this machine, or a script without a '#!' line.`;
  if (program2.includes("/")) return `${program2} is not in the image, or the interpreter that it needs isn't.`;
  return `${program2} was not found in the folders of PATH.`;
}
function lastError(bundle) {
  let text;
  try {
    text = readFileSync8(logFile(bundle), "utf8");
  } catch {
    return void 0;
  }
  for (const line of text.trim().split("\n").reverse()) {
    try {
      const entry = JSON.parse(line);
      if (entry.level === "error" && entry.msg !== void 0) return entry.msg;
    } catch {
    }
  }
  return void 0;
}
function execError(held, argv) {
  const line = held.match(/^exec (\/\S+): (?:no such file|permission denied|exec format error)[^\n]*\n?$/);
  const name = argv[0]?.split("/").at(-1) ?? "";
  return line && line[1]?.split("/").at(-1) === name ? held.trim() : void 0;
}

// src/workers/local/runtimes/mountpoints.ts
import { lstatSync as lstatSync4, mkdirSync as mkdirSync7, readlinkSync as readlinkSync6, rmdirSync as rmdirSync2, statSync as statSync4, unlinkSync as unlinkSync2, writeFileSync as writeFileSync2 } from "node:fs";
var maxLinks = 40;
function prepareMountpoints(rootfs, targets) {
  const stubs = [];
  const undo = () => {
    for (const stub of stubs.splice(0).reverse()) removeStub(stub);
  };
  try {
    for (const target of targets) makeTarget(rootfs, target, stubs);
  } catch (error) {
    undo();
    throw error;
  }
  return undo;
}
function makeTarget(rootfs, target, stubs) {
  const names = splitPath(target.path);
  const at = [];
  let links = 0;
  while (names.length > 0) {
    const name = names.shift();
    if (name === "..") {
      at.pop();
      continue;
    }
    const path = [rootfs, ...at, name].join("/");
    const found2 = statOrUndefined(path);
    if (found2?.isSymbolicLink()) {
      links += 1;
      if (links > maxLinks) throw badTarget(target, "it leads through too many symlinks");
      const link = decodeName(readlinkSync6(fsPath(path), { encoding: "buffer" }));
      if (link.startsWith("/")) at.length = 0;
      names.unshift(...splitPath(link));
      continue;
    }
    const isLast = names.length === 0;
    const kind = isLast ? target.kind : "folder";
    if (found2 === void 0) stubs.push(makeStub(path, [rootfs, ...at].join("/"), kind));
    else if (found2.isDirectory() !== (kind === "folder")) {
      throw badTarget(target, `'/${[...at, name].join("/")}' is ${found2.isDirectory() ? "a" : "no"} folder`);
    }
    at.push(name);
  }
}
function splitPath(path) {
  return path.split("/").filter((name) => name !== "" && name !== ".");
}
function statOrUndefined(path) {
  return lstatSync4(fsPath(path), { bigint: true, throwIfNoEntry: false });
}
function badTarget(target, why) {
  return wrongUse("bad-mount-target", `Nothing can be mounted at ${target.path} in the image: ${why}.`, {
    hint: "Mount it elsewhere, or change the image."
  });
}
function makeStub(path, parent, kind) {
  const mtime = () => statSync4(fsPath(parent), { bigint: true }).mtimeNs;
  const parentBefore = mtime();
  if (kind === "folder") mkdirSync7(fsPath(path), 493);
  else writeFileSync2(fsPath(path), "", { flag: "wx", mode: 420 });
  const made = lstatSync4(fsPath(path), { bigint: true });
  return { path, kind, made, parent, parentBefore, parentAfter: mtime() };
}
function removeStub(stub) {
  const now = statOrUndefined(stub.path);
  if (now === void 0 || now.ino !== stub.made.ino || now.mode !== stub.made.mode || now.uid !== stub.made.uid) return;
  const parentNow = statOrUndefined(stub.parent)?.mtimeNs;
  try {
    if (stub.kind === "folder") rmdirSync2(fsPath(stub.path));
    else if (now.size === 0n && now.mtimeNs === stub.made.mtimeNs) unlinkSync2(fsPath(stub.path));
    else return;
  } catch (error) {
    if (errnoOf(error) === "ENOTEMPTY" || errnoOf(error) === "ENOENT") return;
    throw error;
  }
  if (parentNow === void 0) return;
  setTimes(stub.parent, parentNow === stub.parentAfter ? stub.parentBefore : parentNow);
}

// src/workers/local/runtimes/network.ts
import { spawn as spawn2, spawnSync } from "node:child_process";
import { readFileSync as readFileSync9, writeFileSync as writeFileSync3 } from "node:fs";
import { once } from "node:events";
var natNameServer = "10.0.2.3";
async function openNat(dir) {
  const slirp = findProgram("slirp4netns");
  if (slirp === void 0) {
    throw outside("missing-program", "The network `nat` needs the program slirp4netns, which is not installed.", {
      hint: "Install it (Debian: `apt-get install slirp4netns`), or use the network `host` or `none`."
    });
  }
  const path = `${dir}/netns`;
  writeFileSync3(path, "");
  const made = spawnSync(findProgram("unshare") ?? "unshare", [`--net=${path}`, "true"], { encoding: "utf8" });
  if (made.status !== 0) throw natFailed(made.stderr);
  const child = spawn2(
    findProgram("setpriv") ?? "setpriv",
    ["--pdeathsig", "KILL", slirp, "--configure", "--mtu=65520", "--disable-host-loopback", "--enable-seccomp"].concat(["--netns-type=path", "--ready-fd=3", path, "tap0"]),
    { stdio: ["ignore", "ignore", "pipe", "pipe"], detached: true, env: {} }
  );
  const close = () => {
    child.kill("SIGKILL");
    unmount(path);
  };
  let complaint = "";
  child.stderr?.setEncoding("utf8").on("data", (text) => {
    complaint += text;
  });
  const ended = once(child, "exit").then(() => "ended", () => "ended");
  const ready = once(child.stdio[3], "data").then(() => "ready");
  if (await Promise.race([ready, ended]) === "ended") {
    close();
    throw natFailed(complaint);
  }
  child.unref();
  child.stdio[3].destroy();
  child.stderr?.destroy();
  return { path, close };
}
function natFailed(why) {
  const line = why.trim().split("\n").at(-1) ?? "";
  return outside("nat-failed", `The network \`nat\` could not be made: ${line || "slirp4netns ended"}.`, {
    hint: "Use the network `host` or `none`; `cambium doctor` says what is missing."
  });
}
function writeNetworkFiles(request) {
  const { dir, hostname, network: network2 } = request;
  const contents = {
    "resolv.conf": resolvConf(network2),
    hosts: [
      `127.0.0.1	localhost ${hostname}`,
      "::1	localhost ip6-localhost ip6-loopback",
      "fe00::	ip6-localnet",
      "ff02::1	ip6-allnodes",
      "ff02::2	ip6-allrouters",
      ""
    ].join("\n"),
    hostname: `${hostname}
`
  };
  return Object.entries(contents).map(([name, text]) => {
    writeFileSync3(`${dir}/${name}`, text, { mode: 420 });
    return { type: "bind", source: `${dir}/${name}`, target: `/etc/${name}`, readonly: false };
  });
}
function resolvConf(network2) {
  if (network2 === "none") return "";
  if (network2 === "nat") return `nameserver ${natNameServer}
`;
  try {
    return readFileSync9("/etc/resolv.conf", "utf8");
  } catch {
    return "";
  }
}

// src/workers/local/runtimes/output.ts
import { StringDecoder } from "node:string_decoder";
var ownWords = /^(?:runc run failed: |exec \/[^\n]*: |crun: )/;
function readOutput(streams, sink) {
  let held = "";
  let begun = false;
  const release = () => {
    if (held !== "") sink("stderr", held);
    held = "";
    begun = true;
  };
  const decoders = { stdout: new StringDecoder("utf8"), stderr: new StringDecoder("utf8") };
  const take = (stream, text) => {
    if (text === "") return;
    if (stream === "stderr" && !begun && held === "" && ownWords.test(text)) {
      held = text;
      return;
    }
    release();
    sink(stream, text);
  };
  for (const stream of ["stdout", "stderr"]) {
    streams[stream].on("data", (chunk2) => take(stream, decoders[stream].write(chunk2)));
    streams[stream].on("error", () => {
    });
  }
  return {
    held: () => held,
    finish({ discardHeld }) {
      if (discardHeld) held = "";
      else release();
      for (const stream of ["stdout", "stderr"]) take(stream, decoders[stream].end());
    }
  };
}

// src/workers/local/runtimes/sysctl-guard.ts
import { closeSync as closeSync8 } from "node:fs";
var syscall3 = native("long syscall(long number, ...)");
var addressOf = native("uintptr_t memcpy(void *to, const void *from, size_t size)");
var bpfNumbers = { x64: 321, arm64: 280, riscv64: 280 };
var BPF_PROG_LOAD = 5;
var BPF_PROG_ATTACH = 8;
var BPF_PROG_TYPE_CGROUP_SYSCTL = 23;
var BPF_CGROUP_SYSCTL = 18;
var program = [
  [97, 16, 0, 0],
  // r0 = context.write
  [21, 0, 2, 0],
  // if r0 == 0 go to "allow"
  [183, 0, 0, 0],
  // r0 = 0: refuse
  [149, 0, 0, 0],
  // exit
  [183, 0, 0, 1],
  // allow: r0 = 1
  [149, 0, 0, 0]
  // exit
];
function guardSysctls(cgroupFolder) {
  const instructions = Buffer.alloc(program.length * 8);
  for (const [index, [opcode, registers, offset, immediate]] of program.entries()) {
    instructions.writeUInt8(opcode, index * 8);
    instructions.writeUInt8(registers, index * 8 + 1);
    instructions.writeInt16LE(offset, index * 8 + 2);
    instructions.writeInt32LE(immediate, index * 8 + 4);
  }
  const license = Buffer.from("Apache-2.0\0");
  const load2 = Buffer.alloc(72);
  load2.writeUInt32LE(BPF_PROG_TYPE_CGROUP_SYSCTL, 0);
  load2.writeUInt32LE(program.length, 4);
  load2.writeBigUInt64LE(BigInt(addressOf(instructions, instructions, 0)), 8);
  load2.writeBigUInt64LE(BigInt(addressOf(license, license, 0)), 16);
  load2.writeUInt32LE(BPF_CGROUP_SYSCTL, 68);
  const programFd = bpf(BPF_PROG_LOAD, load2);
  const cgroupFd = openFolder(cgroupFolder);
  try {
    const attach = Buffer.alloc(16);
    attach.writeUInt32LE(cgroupFd, 0);
    attach.writeUInt32LE(programFd, 4);
    attach.writeUInt32LE(BPF_CGROUP_SYSCTL, 8);
    bpf(BPF_PROG_ATTACH, attach);
  } finally {
    closeSync8(programFd);
    closeSync8(cgroupFd);
  }
}
function bpf(command, attributes) {
  const number = bpfNumbers[process.arch];
  if (number === void 0) throw new Error(`bpf(2) is not known for ${process.arch}`);
  const result = syscall3(number, "int", command, "void *", attributes, "unsigned int", attributes.length);
  return checked(Number(result), "bpf");
}

// src/workers/local/runtimes/users.ts
import { closeSync as closeSync9, constants as constants7, fstatSync as fstatSync5, readFileSync as readFileSync10 } from "node:fs";
function lookUpUser(rootfs, user) {
  const [userPart = "", groupPart = ""] = user.split(":", 2);
  const passwd = parsePasswd(readInside(rootfs, "etc/passwd"));
  const groups = parseGroups(readInside(rootfs, "etc/group"));
  const wanted = userPart === "" ? "0" : userPart;
  const entry = passwd.find((line) => line.name === wanted) ?? passwd.find((line) => String(line.uid) === wanted);
  const uid = entry?.uid ?? numberOf(wanted);
  if (uid === void 0) {
    throw wrongUse("unknown-user", `The image has no user '${wanted}'.`, {
      hint: "Create the user in an earlier step, or give a numeric id."
    });
  }
  const home = entry?.home || "/";
  if (groupPart !== "") {
    const gid2 = lookUpGroup(groups, groupPart);
    return { uid, gid: gid2, additionalGids: [gid2], home };
  }
  const gid = entry?.gid ?? 0;
  const additional = groups.filter((group) => entry && group.members.includes(entry.name)).map((group) => group.gid);
  return { uid, gid, additionalGids: [.../* @__PURE__ */ new Set([gid, ...additional])], home };
}
function lookUpGroup(groups, wanted) {
  const gid = groups.find((group) => group.name === wanted)?.gid ?? numberOf(wanted);
  if (gid !== void 0) return gid;
  throw wrongUse("unknown-group", `The image has no group '${wanted}'.`, {
    hint: "Create the group in an earlier step, or give a numeric id."
  });
}
function numberOf(text) {
  if (text === void 0 || !/^\d{1,10}$/.test(text)) return void 0;
  const value = Number(text);
  return value < 2 ** 31 ? value : void 0;
}
function parsePasswd(text) {
  return text.split("\n").flatMap((line) => {
    const [name = "", , uidText, gidText, , home = ""] = line.trim().split(":");
    const [uid, gid] = [numberOf(uidText), numberOf(gidText)];
    return uid === void 0 || gid === void 0 ? [] : [{ name, uid, gid, home }];
  });
}
function parseGroups(text) {
  return text.split("\n").flatMap((line) => {
    const [name = "", , gidText, members = ""] = line.trim().split(":");
    const gid = numberOf(gidText);
    return gid === void 0 ? [] : [{ name, gid, members: members.split(",") }];
  });
}
function readInside(rootfs, path) {
  const root = openFolder(rootfs);
  try {
    const fd = openInRoot(root, path, constants7.O_RDONLY | constants7.O_NONBLOCK);
    try {
      return fstatSync5(fd).isFile() ? readFileSync10(fd, "utf8") : "";
    } finally {
      closeSync9(fd);
    }
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "ELOOP", "ENXIO"].includes(errnoOf(error) ?? "")) return "";
    throw error;
  } finally {
    closeSync9(root);
  }
}

// src/workers/local/runtimes/run.ts
async function runWith(runtime, request) {
  if (request.signal?.aborted) return { outcome: "cancelled", usage: { wallMs: 0 } };
  const identity = lookUpUser(request.rootfs, request.user);
  const mounts = allMounts(request);
  const undoMountpoints = prepareAll(request.rootfs, mounts);
  let nat;
  try {
    if (request.network === "nat") nat = await openNat(request.dir);
    const terminal = request.stdio === "inherit" && process.stdin.isTTY === true && process.stdout.isTTY === true;
    const netns = nat === void 0 ? {} : { netns: nat.path };
    const config = ociConfig({ request, identity, mounts, terminal, ...netns });
    mkdirSync8(bundleOf(request), { mode: 448 });
    writeFileSync4(`${bundleOf(request)}/config.json`, JSON.stringify(config), { mode: 384 });
    if (request.security === "builder") guard(request.id);
    return await execute(request, runtime);
  } finally {
    nat?.close();
    await removeCgroup(request.id);
    undoMountpoints();
  }
}
function bundleOf(request) {
  return `${request.dir}/bundle`;
}
async function execute(request, runtime) {
  const started = performance2.now();
  const bundle = bundleOf(request);
  const { child, ended, kill: kill2 } = launch({ runtime, bundle, id: request.id, stdio: request.stdio });
  const output = child.stdout && child.stderr ? readOutput({ stdout: child.stdout, stderr: child.stderr }, request.onOutput ?? (() => {
  })) : void 0;
  let stopped;
  let killed;
  const stop = (why) => {
    stopped ??= why;
    killed ??= kill2();
  };
  const onAbort = () => stop("cancelled");
  request.signal?.addEventListener("abort", onAbort, { once: true });
  if (request.signal?.aborted) onAbort();
  const { timeoutMs } = request;
  const timer = timeoutMs === void 0 ? void 0 : setTimeout(() => stop("timeout"), timeoutMs);
  const { exitCode } = await ended;
  clearTimeout(timer);
  request.signal?.removeEventListener("abort", onAbort);
  await killed;
  const wallMs = performance2.now() - started;
  const { oomKills, ...used } = readUsage(request.id);
  const usage = { wallMs, ...used };
  const failure = exitCode === 0 || stopped ? void 0 : startFailure(bundle, request.argv, output?.held() ?? "");
  output?.finish({ discardHeld: failure !== void 0 });
  if (stopped === "timeout") return { outcome: "timeout", timeoutMs: timeoutMs ?? 0, usage };
  if (stopped === "cancelled") return { outcome: "cancelled", usage };
  if (failure?.kind === "broken") throw failure.error;
  if (failure?.kind === "not-found") return { outcome: "not-found", message: failure.message, usage };
  if (failure?.kind === "out-of-memory") return { ...outOfMemory(request, failure.neededBytes ?? used.peakMemoryBytes), usage };
  if (exitCode !== 0 && oomKills > 0) return { ...outOfMemory(request, used.peakMemoryBytes), usage };
  return { ...outcomeOf(exitCode), usage };
}
function outOfMemory(request, peakBytes = 0) {
  return { outcome: "out-of-memory", limitBytes: request.limits.memoryBytes ?? 0, peakBytes };
}
function outcomeOf(exitCode) {
  const name = Object.entries(constants8.signals).find(([, number]) => number === exitCode - 128)?.[0];
  return exitCode > 128 && name !== void 0 ? { outcome: "signal", signal: name } : { outcome: "exit", exitCode };
}
function allMounts(request) {
  const depth = (mount2) => mount2.target.split("/").filter(Boolean).length;
  const own = [...request.mounts].sort((a, b) => depth(a) - depth(b));
  const taken = new Set(own.map(({ target }) => target));
  return [...own, ...writeNetworkFiles(request).filter(({ target }) => !taken.has(target))];
}
var systemTargets = ["/proc", "/dev", "/sys"];
function prepareAll(rootfs, mounts) {
  const byRoot = /* @__PURE__ */ new Map([
    [rootfs, systemTargets.map((path) => ({ path, kind: "folder" }))]
  ]);
  for (const mount2 of mounts) {
    const place = placeOf(mount2, mounts);
    if (place === void 0) continue;
    const root = place.root ?? rootfs;
    byRoot.set(root, [...byRoot.get(root) ?? [], { path: place.path, kind: kindOf(mount2) }]);
  }
  const undos = [];
  const undo = () => {
    for (const each of undos.splice(0).reverse()) each();
  };
  try {
    for (const [root, targets] of byRoot) undos.push(prepareMountpoints(root, targets));
  } catch (error) {
    undo();
    throw error;
  }
  return undo;
}
function placeOf(mount2, all) {
  const isBelow = (target) => mount2.target.startsWith(`${target.replace(/\/+$/, "")}/`);
  if (systemTargets.some(isBelow)) return void 0;
  const cover = all.filter((other) => other !== mount2 && isBelow(other.target)).at(-1);
  if (cover === void 0) return { path: mount2.target };
  if (cover.type === "tmpfs") return void 0;
  const path = mount2.target.slice(cover.target.replace(/\/+$/, "").length);
  if (!cover.readonly) return { root: cover.source, path };
  if (lstatSync5(cover.source + path, { throwIfNoEntry: false }) !== void 0) return void 0;
  throw wrongUse("bad-mount-target", `Nothing can be mounted at ${mount2.target}: ${cover.target} is read-only.`, {
    hint: "Mount it elsewhere."
  });
}
function kindOf(mount2) {
  return mount2.type === "tmpfs" || statSync5(mount2.source).isDirectory() ? "folder" : "file";
}
function guard(id) {
  try {
    const folder = makeUnifiedCgroup(id);
    if (folder === void 0) throw new Error("no unified cgroup hierarchy is mounted");
    guardSysctls(folder);
  } catch (error) {
    throw outside("no-sysctl-guard", `This machine can't keep a stage from changing kernel settings: ${String(error)}.`, {
      hint: "Stages on the host builder need Linux 5.2 or newer with cgroup BPF.",
      cause: error
    });
  }
}

// src/workers/local/runtimes/probe.ts
var candidates = ["runc", "crun"];
var defaultMemory = "/run/cambium/runtime.json";
var chosen;
async function findRuntime(memory = defaultMemory) {
  chosen ??= recall(memory);
  if (chosen !== void 0) return chosen;
  const probes = [];
  for (const name of candidates) {
    const probe = await probeRuntime(name);
    probes.push(probe);
    if (!probe.works || probe.path === void 0) continue;
    chosen = probe.path;
    remember(memory, probe.path);
    return chosen;
  }
  throw outside("no-runtime", `No container runtime works here. ${probes.map((probe) => probe.reason).join(" ")}`, {
    hint: "Install runc (Debian: `apt-get install runc`); `cambium doctor` says more."
  });
}
var call = promisify(execFile);
async function probeRuntime(name) {
  const path = findProgram(name);
  if (path === void 0) return { name, works: false, reason: `${name} is not installed.` };
  const broken = (reason) => ({ name, path, works: false, reason });
  let version;
  try {
    version = (await call(path, ["--version"])).stdout.match(/version (\S+)/)?.[1] ?? "";
    const { stdout } = await call(path, ["run", "--help"]);
    if (!/--keep\b/.test(stdout)) return { ...broken(`${name} ${version} is too old: it lacks \`run --keep\`.`), version };
  } catch (error) {
    return broken(`${name} doesn't start: ${firstLine(error)}.`);
  }
  try {
    await tryRun(path);
    return { name, path, version, works: true };
  } catch (error) {
    return { ...broken(`${name} ${version} can't run a container: ${firstLine(error)}.`), version };
  }
}
function firstLine(error) {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0]?.replace(/\.$/, "") ?? "";
}
async function tryRun(runtime) {
  const dir = mkdtempSync(`${tmpdir()}/cambium-probe-`);
  try {
    const rootfs = `${dir}/rootfs`;
    mkdirSync9(rootfs);
    mkdirSync9(`${dir}/run`);
    const result = await runWith(
      runtime,
      {
        id: `probe-${randomBytes2(6).toString("hex")}`,
        dir: `${dir}/run`,
        rootfs,
        argv: ["true"],
        env: {},
        cwd: "/",
        user: "",
        mounts: hostPrograms(rootfs),
        network: "none",
        security: "default",
        noNewPrivileges: false,
        hostname: "probe",
        limits: { memoryBytes: 256 * 1024 * 1024, pids: 100 },
        stdio: "pipe"
      }
    );
    if (result.outcome === "exit" && result.exitCode === 0) return;
    throw new Error("message" in result ? result.message : `a run of \`true\` ended with: ${JSON.stringify(result)}`);
  } finally {
    rmSync4(dir, { recursive: true, force: true });
  }
}
function hostPrograms(rootfs) {
  return ["/usr", "/bin", "/lib", "/lib64", "/nix"].flatMap((path) => {
    const found2 = lstatSync6(path, { throwIfNoEntry: false });
    if (found2?.isSymbolicLink()) symlinkSync4(readlinkSync7(path), rootfs + path);
    return found2?.isDirectory() ? [{ type: "bind", source: path, target: path, readonly: true }] : [];
  });
}
function fingerprint(path) {
  const { size, mtimeMs, ino } = statSync6(path);
  return `${size}-${mtimeMs}-${ino}`;
}
function recall(memory) {
  try {
    const { path, file } = JSON.parse(readFileSync11(memory, "utf8"));
    return fingerprint(path) === file ? path : void 0;
  } catch {
    return void 0;
  }
}
function remember(memory, path) {
  try {
    mkdirSync9(memory.slice(0, memory.lastIndexOf("/")), { recursive: true });
    const temporary = `${memory}.${process.pid}`;
    writeFileSync5(temporary, JSON.stringify({ path, file: fingerprint(path) }));
    renameSync2(temporary, memory);
  } catch {
  }
}

// src/workers/local/runtimes/index.ts
async function runContainer(request) {
  return runWith(await findRuntime(), request);
}

// src/workers/local/execute-run.ts
async function executeRun(place, op, task) {
  const { snapshots } = place;
  const startedMs = performance.now();
  const workspace = snapshots.fork(task.base);
  let isDone = false;
  try {
    const result = await runIn(place, op, workspace, task);
    if (result.outcome === "exit" && result.exitCode === 0) {
      const durationMs = performance.now() - startedMs;
      const { stage, title } = task.step;
      const snapshot = snapshots.commit(workspace, { key: task.key, alias: task.alias, parent: task.base, stage, title, durationMs });
      isDone = true;
      return { outcome: "done", snapshot, durationMs };
    }
    if (result.outcome === "cancelled") return { outcome: "cancelled" };
    const kept = keepWorkspace(place, workspace, task.base, op);
    isDone = true;
    return { outcome: "failed", failure: describeFailure(result, op), workspace: kept };
  } finally {
    if (!isDone) snapshots.discard(workspace);
  }
}
async function runIn(place, op, workspace, task) {
  const id = `${place.runId}-${newId()}`;
  const dir = join6(place.runDir, `c-${newId()}`);
  mkdirSync10(dir);
  try {
    const rootfs = prepareRoot(place, op, workspace, dir, task.snapshotOf);
    const timeoutMs = op.timeoutMs ?? task.timeoutMs;
    const bundle = join6(dir, "bundle");
    mkdirSync10(bundle);
    return await runContainer({
      id,
      dir: bundle,
      rootfs,
      argv: op.argv,
      env: op.env,
      cwd: op.cwd,
      user: op.user,
      mounts: op.mounts.map((mount2) => hostMount(place, mount2, task.snapshotOf)),
      network: op.network,
      security: op.security,
      noNewPrivileges: op.noNewPrivileges ?? false,
      hostname: op.hostname ?? "cambium",
      limits: task.limits,
      ...timeoutMs !== void 0 && { timeoutMs },
      stdio: task.stdio ?? "pipe",
      signal: task.signal,
      onOutput: task.onOutput
    });
  } finally {
    unmountBelow(dir);
  }
}
function prepareRoot({ snapshots }, op, workspace, dir, snapshotOf) {
  const { root } = op;
  if (root.type === "snapshot") return inTree(workspace.root, root.path, "the folder that the step runs in");
  const builderDir = join6(dir, "builder");
  mkdirSync10(builderDir);
  const { builder } = root;
  const rootfs = builder === "host" ? mountHostBuilder(builderDir).rootfs : inTree(snapshots.driver.fork(snapshots.stackOf(snapshotOf(builder.step)), join6(builderDir, "fork")).root, builder.root, "the builder");
  const work = join6(rootfs, root.work);
  mkdirSync10(work, { recursive: true });
  bindMount(workspace.root, work);
  return rootfs;
}
function hostMount({ snapshots }, mount2, snapshotOf) {
  if (mount2.type === "tmpfs") return mount2;
  const view = snapshots.mountView(snapshotOf(mount2.step));
  return { type: "bind", source: inTree(view, mount2.path, "a mount"), target: mount2.target, readonly: true };
}
function inTree(root, path, what) {
  if (path === "/" || path === "") return root;
  const rootFd = openFolder(root);
  try {
    const fd = openInRoot(rootFd, path, O_PATH);
    const real = readlinkSync8(descriptorPath(fd));
    closeSync10(fd);
    return real;
  } catch (error) {
    throw outside("missing-folder", `${path}, ${what}, is not in the snapshot.`, {
      cause: error,
      hint: "An earlier stage has to make it."
    });
  } finally {
    closeSync10(rootFd);
  }
}
function keepWorkspace({ store: store2, snapshots }, workspace, base, op) {
  snapshots.driver.release(workspace);
  const name = newId();
  renameSync3(workspace.dir, join6(store2.dir, "kept", name));
  const kept = { base: base ?? null, op };
  store2.db.prepare("INSERT INTO kept (name, base, op, created_ms) VALUES (?, ?, ?, ?)").run(
    name,
    kept.base,
    JSON.stringify(op),
    Date.now()
  );
  return name;
}
function describeFailure(result, op) {
  const program2 = op.argv[0] ?? "";
  switch (result.outcome) {
    case "exit":
      return { reason: "exit", exitCode: result.exitCode, message: `The command exited with ${result.exitCode}.` };
    case "signal":
      return { reason: "signal", signal: result.signal, message: `The command was ended by ${result.signal}.` };
    case "out-of-memory":
      return {
        reason: "out-of-memory",
        memory: { limitBytes: result.limitBytes, peakBytes: result.peakBytes },
        message: `The command ran out of memory: it was killed at its limit of ${mebibytes(result.limitBytes)} (peak ${mebibytes(result.peakBytes)}).`,
        hint: "Give it more with --memory."
      };
    case "timeout":
      return {
        reason: "timeout",
        timeoutMs: result.timeoutMs,
        message: `The command was ended after ${result.timeoutMs / 1e3} s, its time limit.`
      };
    case "not-found":
      return { reason: "not-found", message: result.message, hint: `Look whether ${program2} and its interpreter are in the image.` };
    default:
      return { reason: "error", message: "The command was cancelled." };
  }
}
function mebibytes(bytes) {
  return `${(bytes / 1024 ** 2).toFixed(0)} MiB`;
}

// src/workers/local/execute-source.ts
function folderCopy(path) {
  return { from: { type: "folder", path, keepOwners: true }, paths: ["."], dest: "/" };
}
async function executeSource(store2, snapshots, contents, run2, { source }, task) {
  if (source.type === "folder") {
    const op = { type: "copy", copies: [folderCopy(source.path)] };
    return executeCopy(store2, snapshots, contents, op, task);
  }
  const { importSource } = await import("../../images/index.ts");
  const writer = snapshotWriter(store2, snapshots, run2, task.signal);
  return importSource({ store: store2, snapshots }, writer, source, { key: task.key, stage: task.step.stage, title: task.step.title });
}
function snapshotWriter(store2, snapshots, run2, signal2) {
  return {
    make: ({ key, parent, stage, title }, fill) => withLock(store2, key, { onWait: () => {
    }, signal: signal2 }, async () => {
      const hit = findKey(store2.db, key);
      if (hit && lease(store2, run2, hit.snapshot)) return hit.snapshot;
      const startedMs = performance.now();
      const workspace = snapshots.fork(parent);
      try {
        await fill(workspace.root);
        return snapshots.commit(workspace, { key, parent, stage, title, durationMs: performance.now() - startedMs });
      } catch (error) {
        snapshots.discard(workspace);
        throw error;
      }
    })
  };
}

// src/workers/local/snapshots/registry.ts
import { mkdirSync as mkdirSync13 } from "node:fs";
import { basename as basename3, join as join9 } from "node:path";

// src/workers/local/snapshots/btrfs.ts
import { spawnSync as spawnSync2 } from "node:child_process";
import { closeSync as closeSync12, mkdirSync as mkdirSync11, mkdtempSync as mkdtempSync2, openSync as openSync7, readFileSync as readFileSync12, renameSync as renameSync4, rmSync as rmSync5, statfsSync } from "node:fs";
import { tmpdir as tmpdir2 } from "node:os";
import { join as join7 } from "node:path";

// src/workers/local/snapshots/btrfs-calls.ts
import { closeSync as closeSync11 } from "node:fs";
import { basename as basename2, dirname } from "node:path";
var BTRFS_IOC_SUBVOL_CREATE = 1342215182;
var BTRFS_IOC_SNAP_DESTROY = 1342215183;
var BTRFS_IOC_SNAP_CREATE_V2 = 1342215191;
var BTRFS_IOC_SUBVOL_SETFLAGS = 1074304026;
var BTRFS_SUBVOL_RDONLY = 2n;
var argumentBytes = 4096;
var nameOffset = 8;
var nameOffsetV2 = 56;
function createSubvolume(path) {
  inParent(path, (fd, name) => {
    ioctl(fd, BTRFS_IOC_SUBVOL_CREATE, argument(nameOffset, name), "BTRFS_IOC_SUBVOL_CREATE");
  });
}
function snapshotSubvolume(from, path) {
  const source = openFolder(from);
  try {
    inParent(path, (fd, name) => {
      const request = argument(nameOffsetV2, name);
      request.writeBigInt64LE(BigInt(source), 0);
      ioctl(fd, BTRFS_IOC_SNAP_CREATE_V2, request, "BTRFS_IOC_SNAP_CREATE_V2");
    });
  } finally {
    closeSync11(source);
  }
}
function destroySubvolume(path) {
  inParent(path, (fd, name) => {
    ioctl(fd, BTRFS_IOC_SNAP_DESTROY, argument(nameOffset, name), "BTRFS_IOC_SNAP_DESTROY");
  });
}
function makeReadOnly(path) {
  const fd = openFolder(path);
  try {
    const flags = Buffer.alloc(8);
    flags.writeBigUInt64LE(BTRFS_SUBVOL_RDONLY);
    ioctl(fd, BTRFS_IOC_SUBVOL_SETFLAGS, flags, "BTRFS_IOC_SUBVOL_SETFLAGS");
  } finally {
    closeSync11(fd);
  }
}
function argument(offset, name) {
  const buffer = Buffer.alloc(argumentBytes);
  buffer.write(name, offset);
  return buffer;
}
function inParent(path, body) {
  const fd = openFolder(dirname(path));
  try {
    body(fd, basename2(path));
  } finally {
    closeSync11(fd);
  }
}

// src/workers/local/snapshots/send-stream.ts
var magic = "btrfs-stream\0";
var headerBytes = magic.length + 4;
var commandHeaderBytes = 10;
var pathAttributes = /* @__PURE__ */ new Set([15, 16]);
var contentCommands = /* @__PURE__ */ new Set([15, 16, 17, 22]);
var subvolumeCommands = /* @__PURE__ */ new Set([1, 2]);
function touchedPaths(stream) {
  if (stream.toString("latin1", 0, magic.length) !== magic) throw new Error("this is no btrfs send stream");
  const touched = /* @__PURE__ */ new Map();
  let at = headerBytes;
  while (at + commandHeaderBytes <= stream.length) {
    const length = stream.readUInt32LE(at);
    const command = stream.readUInt16LE(at + 4);
    const end = at + commandHeaderBytes + length;
    if (!subvolumeCommands.has(command)) {
      for (const path of paths(stream, at + commandHeaderBytes, end)) {
        const content = contentCommands.has(command) || (touched.get(path)?.content ?? false);
        touched.set(path, { content });
      }
    }
    at = end;
  }
  return touched;
}
function* paths(stream, start, end) {
  let at = start;
  while (at + 4 <= end) {
    const type = stream.readUInt16LE(at);
    const length = stream.readUInt16LE(at + 2);
    if (pathAttributes.has(type)) yield decodeName(stream.subarray(at + 4, at + 4 + length));
    at += 4 + length;
  }
}

// src/workers/local/snapshots/btrfs.ts
var BTRFS_SUPER_MAGIC = 2435016766;
function isBtrfs(dir) {
  return statfsSync(dir).type === BTRFS_SUPER_MAGIC;
}
function btrfsDriver(snapshotsDir) {
  const folderOf = (name) => join7(snapshotsDir, name);
  const treeOf = (stack, index = 0) => {
    const name = stack[index]?.folders[0];
    return name === void 0 ? void 0 : folderOf(name);
  };
  const workspaceIn = (dir) => ({ dir, root: join7(dir, "fs") });
  return {
    name: "btrfs",
    fork(stack, dir) {
      mkdirSync11(dir, { recursive: true });
      const workspace = workspaceIn(dir);
      const parent = treeOf(stack);
      if (parent === void 0) createSubvolume(workspace.root);
      else snapshotSubvolume(parent, workspace.root);
      return workspace;
    },
    reopen: (_stack, dir) => workspaceIn(dir),
    release() {
    },
    commit({ root }, name) {
      renameSync4(root, folderOf(name));
      makeReadOnly(folderOf(name));
    },
    discard(dir) {
      removeSubvolume(join7(dir, "fs"));
      rmSync5(dir, { recursive: true, force: true });
    },
    view(stack, at) {
      const tree = treeOf(stack);
      if (tree !== void 0) bindMount(tree, at, { readonly: true });
    },
    diff(stack) {
      const tree = treeOf(stack);
      if (tree === void 0) return [];
      const parent = treeOf(stack, 1);
      return parent === void 0 ? walk(tree, "") : differences(parent, tree);
    },
    locate(stack, path) {
      const tree = treeOf(stack);
      return tree === void 0 ? void 0 : locateIn(tree, path);
    },
    remove: (folder) => removeSubvolume(folderOf(folder))
  };
}
function removeSubvolume(path) {
  if (lstatIfAny(path) === void 0) return;
  try {
    destroySubvolume(path);
  } catch {
    spawnSync2("btrfs", ["property", "set", path, "ro", "false"], { stdio: "ignore" });
    const nested = spawnSync2("btrfs", ["subvolume", "list", "-o", path], { encoding: "utf8" }).stdout ?? "";
    if (nested !== "") spawnSync2("find", [path, "-depth", "-mindepth", "1", "-inum", "256", "-exec", "btrfs", "subvolume", "delete", "{}", ";"], { stdio: "ignore" });
    try {
      destroySubvolume(path);
    } catch {
      rmSync5(path, { recursive: true, force: true });
    }
  }
}
function* walk(tree, path) {
  for (const name of listFolder(path === "" ? tree : join7(tree, path))) {
    const at = joinPath(path, name);
    const entry = readEntry(join7(tree, at), at);
    yield { kind: "present", entry, content: join7(tree, at) };
    if (entry.type === "directory") yield* walk(tree, at);
  }
}
function* differences(parent, tree) {
  const touched = touchedPaths(sendStream(parent, tree));
  let covered;
  for (const path of [...touched.keys()].sort(byFolder2)) {
    if (path === "" || covered !== void 0 && path.startsWith(`${covered}/`)) continue;
    const now = lstatIfAny(join7(tree, path));
    const before = realEntry(parent, path);
    if (now === void 0 || !isBelowFolders(tree, path)) {
      if (before !== void 0 && isBelowFolders(tree, path)) yield { kind: "deleted", path };
      continue;
    }
    const content = join7(tree, path);
    const entry = readEntry(content, path, now);
    if (entry.type !== "directory") {
      if (before === void 0 || before.ino !== now.ino || touched.get(path)?.content || !sameMetadata(entry, readEntry(join7(parent, path), path))) {
        yield { kind: "present", entry, content };
      }
      continue;
    }
    if (before?.ino === now.ino) {
      if (!sameMetadata(entry, readEntry(join7(parent, path), path))) yield { kind: "present", entry, content };
      continue;
    }
    const opaque = before !== void 0 && typeOf(before) === "directory";
    yield opaque ? { kind: "present", entry, content, opaque } : { kind: "present", entry, content };
    yield* walk(tree, path);
    covered = path;
  }
}
function byFolder2(a, b) {
  const [left2, right] = [a.replaceAll("/", "\0"), b.replaceAll("/", "\0")];
  return left2 < right ? -1 : left2 > right ? 1 : 0;
}
function sameMetadata(a, b) {
  const xattrs = (entry) => [...entry.xattrs ?? []].map(([name, value]) => `${name}=${value.toString("hex")}`).join();
  return a.type === b.type && a.mode === b.mode && a.uid === b.uid && a.gid === b.gid && a.size === b.size && a.mtimeNs === b.mtimeNs && a.link === b.link && xattrs(a) === xattrs(b);
}
function realEntry(tree, path) {
  return isBelowFolders(tree, path) ? lstatIfAny(join7(tree, path)) : void 0;
}
function isBelowFolders(tree, path) {
  const names = path.split("/").slice(0, -1);
  return names.every((_, index) => {
    const stats = lstatIfAny(join7(tree, ...names.slice(0, index + 1)));
    return stats !== void 0 && typeOf(stats) === "directory";
  });
}
function sendStream(parent, tree) {
  const dir = mkdtempSync2(join7(tmpdir2(), "cambium-send-"));
  const file = join7(dir, "stream");
  try {
    const fd = openSync7(file, "w", 384);
    const result = spawnSync2("btrfs", ["send", "--quiet", "--no-data", "-p", parent, tree], {
      stdio: ["ignore", fd, "pipe"],
      encoding: "utf8"
    });
    closeSync12(fd);
    if (result.status !== 0) {
      throw outside("btrfs-send-failed", `\`btrfs send\` failed: ${(result.stderr || String(result.error)).trim()}.`, {
        hint: "Install btrfs-progs, or keep the store on another file system."
      });
    }
    return readFileSync12(file);
  } finally {
    rmSync5(dir, { recursive: true, force: true });
  }
}
function locateIn(tree, path) {
  const at = join7(tree, path);
  return isBelowFolders(tree, path) && lstatIfAny(at) !== void 0 ? at : void 0;
}

// src/workers/local/snapshots/overlay.ts
import { linkSync as linkSync2, mkdirSync as mkdirSync12, renameSync as renameSync5, rmSync as rmSync6 } from "node:fs";
import { join as join8 } from "node:path";
function overlayDriver(snapshotsDir) {
  const folderOf = (name) => join8(snapshotsDir, name);
  const ownFolders = (stack) => stack[0]?.folders.map(folderOf) ?? [];
  const allFolders = (stack) => stackFolders(stack).map(folderOf);
  const mountWorkspace = (stack, dir) => {
    const upper = join8(dir, "fs");
    const lowers = allFolders(stack);
    if (lowers.length === 0) return { dir, root: upper };
    const root = join8(dir, "root");
    const work = join8(dir, "work");
    rmSync6(work, { recursive: true, force: true });
    for (const folder of [work, root]) mkdirSync12(folder, { recursive: true });
    mountOverlay({ lowers, upper: { dir: upper, work }, at: root });
    return { dir, root };
  };
  return {
    name: "overlay",
    fork(stack, dir) {
      const upper = join8(dir, "fs");
      mkdirSync12(upper, { recursive: true });
      const parent = allFolders(stack)[0];
      if (parent !== void 0) copyMetadata(readEntry(parent, ""), upper);
      return mountWorkspace(stack, dir);
    },
    reopen: mountWorkspace,
    release({ dir, root }) {
      if (root !== join8(dir, "fs")) unmount(root);
    },
    commit: ({ dir }, name) => renameSync5(join8(dir, "fs"), folderOf(name)),
    discard(dir) {
      unmount(join8(dir, "root"));
      rmSync6(dir, { recursive: true, force: true });
    },
    view(stack, at) {
      const lowers = allFolders(stack);
      if (lowers.length > 1) mountOverlay({ lowers, at });
      else if (lowers[0] !== void 0) bindMount(lowers[0], at, { readonly: true });
    },
    diff: (stack) => walkFolders(ownFolders(stack), ""),
    locate: (stack, path) => locateIn2(allFolders(stack), path),
    fold(stack, dir) {
      mkdirSync12(dir);
      const root = join8(dir, "fs");
      foldInto(allFolders(stack), root);
      return { dir, root };
    },
    remove: (folder) => rmSync6(folderOf(folder), { recursive: true, force: true })
  };
}
function stackFolders(stack) {
  const names = [];
  for (const record of stack) {
    if (record.folded) return [...names, record.folded];
    names.push(...record.folders);
  }
  return names;
}
function* walkFolders(folders3, path) {
  for (const name of namesIn2(folders3)) {
    const at = joinPath(path, name);
    const holders = folders3.filter((folder) => lstatIfAny(join8(folder, name)) !== void 0);
    const top = join8(holders[0], name);
    const stats = lstat(top);
    if (isWhiteout(stats)) {
      if (holders.length === 1) yield { kind: "deleted", path: at };
      continue;
    }
    const entry = readEntry(top, at, stats);
    if (entry.type !== "directory") {
      yield { kind: "present", entry, content: top };
      continue;
    }
    const { merged, opaque } = mergedFolders(holders.map((folder) => join8(folder, name)));
    yield opaque ? { kind: "present", entry, content: top, opaque } : { kind: "present", entry, content: top };
    yield* walkFolders(merged, at);
  }
}
function namesIn2(folders3) {
  if (folders3.length === 1) return listFolder(folders3[0]);
  return [...new Set(folders3.flatMap(listFolder))].sort();
}
function mergedFolders(folders3) {
  const merged = [];
  for (const folder of folders3) {
    const stats = lstat(folder);
    if (typeOf(stats) !== "directory") break;
    merged.push(folder);
    if (isOpaque(folder)) break;
  }
  const lowest = merged.at(-1);
  return { merged, opaque: lowest === folders3.at(-1) && isOpaque(lowest) };
}
function isWhiteout(stats) {
  return (stats.mode & 0o170000n) === 0o020000n && stats.rdev === 0n;
}
function isOpaque(folder) {
  return getXattr(folder, "trusted.overlay.opaque")?.toString() === "y";
}
function locateIn2(folders3, path) {
  let candidates2 = [...folders3];
  const names = path.split("/").filter((name) => name !== "");
  for (const [index, name] of names.entries()) {
    const found2 = [];
    for (const folder of candidates2) {
      const at = join8(folder, name);
      const stats = lstatIfAny(at);
      if (stats === void 0) continue;
      if (isWhiteout(stats)) break;
      found2.push(at);
      if (typeOf(stats) !== "directory" || isOpaque(at)) break;
    }
    const top = found2[0];
    if (top === void 0) return void 0;
    if (index < names.length - 1 && typeOf(lstat(top)) !== "directory") return void 0;
    candidates2 = found2;
  }
  return candidates2[0];
}
function foldInto(folders3, target) {
  const top = folders3[0];
  mkdirSync12(fsPath(target));
  for (const name of namesIn2(folders3)) {
    const found2 = [];
    for (const folder of folders3) {
      const at = join8(folder, name);
      const stats2 = lstatIfAny(at);
      if (stats2 === void 0) continue;
      if (isWhiteout(stats2)) break;
      found2.push(at);
      if (typeOf(stats2) !== "directory" || isOpaque(at)) break;
    }
    if (found2[0] === void 0) continue;
    const stats = lstat(found2[0]);
    const to = join8(target, name);
    if (typeOf(stats) === "directory") foldInto(found2.filter((at) => typeOf(lstat(at)) === "directory"), to);
    else foldFile(found2[0], to);
  }
  copyMetadata(readEntry(top, ""), target);
}
function foldFile(from, to) {
  try {
    linkSync2(fsPath(from), fsPath(to));
  } catch (error) {
    if (error.code !== "EMLINK") throw error;
    copyNode(from, to);
  }
}

// src/workers/local/snapshots/registry.ts
var deepestStack = 320;
function driverFor(store2) {
  const dir = join9(store2.dir, "snapshots");
  return isBtrfs(dir) ? btrfsDriver(dir) : overlayDriver(dir);
}
function openSnapshots(store2, run2) {
  const driver = driverFor(store2);
  const views = /* @__PURE__ */ new Map();
  const stackOf = (id) => {
    if (id === void 0) return [];
    const stack = lineageOf(store2.db, id);
    if (driver.fold === void 0 || stackFolders(stack).length <= deepestStack) return stack;
    const folder = newId();
    driver.commit(driver.fold(stack, join9(run2.dir, folder)), folder);
    setFolded(store2.db, id, folder);
    return lineageOf(store2.db, id);
  };
  const forkStack = (stack) => driver.fork(stack, join9(run2.dir, newId()));
  const snapshots = {
    driver,
    stackOf,
    fork: (parent) => forkStack(stackOf(parent)),
    forkResult: (result) => forkStack(stackOf(result)),
    commit(workspace, request) {
      const folder = basename3(workspace.dir);
      const id = folder;
      driver.release(workspace);
      driver.commit(workspace, folder);
      const below = driver.name === "overlay" && request.onResult ? stackOf(request.onResult)[0]?.folders ?? [] : [];
      insertSnapshot(store2.db, {
        ...request,
        id,
        driver: driver.name,
        folders: [folder, ...below],
        run: run2.id
      });
      driver.discard(workspace.dir);
      return id;
    },
    discard(workspace) {
      driver.release(workspace);
      driver.discard(workspace.dir);
    },
    mountView(id) {
      const known2 = views.get(id);
      if (known2 !== void 0) return known2;
      const at = join9(run2.dir, `view-${id}`);
      mkdirSync13(at);
      driver.view(stackOf(id), at);
      views.set(id, at);
      return at;
    },
    lineage: (id) => lineageOf(store2.db, id).map((row) => row.id).reverse(),
    // The whole lineage: without a folded one, for a difference looks at the parent alone.
    changes: (id) => driver.diff(lineageOf(store2.db, id)),
    async view(id, body) {
      const at = join9(run2.dir, `view-${newId()}`);
      mkdirSync13(at);
      driver.view(stackOf(id), at);
      try {
        return await body(at);
      } finally {
        unmount(at);
      }
    }
  };
  return snapshots;
}

// src/workers/local/sweep.ts
import { lstatSync as lstatSync7, readdirSync as readdirSync5 } from "node:fs";
import { join as join10 } from "node:path";
async function sweep(store2, driver) {
  const swept = sweepRuns(store2, ({ dir }) => {
    unmountBelow(dir);
    for (const name of foldersIn(dir)) {
      if (isOrphan(store2, name)) driver.remove(name);
      driver.discard(join10(dir, name));
    }
  });
  for (const id of swept) await removeCgroups(id);
  return swept;
}
function isOrphan(store2, folder) {
  if (lstatSync7(join10(store2.dir, "snapshots", folder), { throwIfNoEntry: false }) === void 0) return false;
  return !namedFolders(store2).has(folder);
}
function namedFolders(store2) {
  const rows = store2.db.prepare("SELECT folders, folded FROM snapshots").all();
  return new Set(rows.flatMap((row) => [...JSON.parse(row.folders), ...row.folded ? [row.folded] : []]));
}
function foldersIn(dir) {
  return lstatSync7(dir, { throwIfNoEntry: false }) ? readdirSync5(dir) : [];
}

// src/workers/local/index.ts
function hostIdentity2(store2) {
  const find = store2.db.prepare("SELECT digest FROM scans WHERE root = ? AND fingerprint = ?");
  const save = store2.db.prepare(
    "INSERT OR REPLACE INTO scans (root, fingerprint, digest, listing, last_used_ms) VALUES (?, ?, ?, x'', ?)"
  );
  return hostIdentity({
    get: (fingerprint2) => find.get(`host ${fingerprint2}`, fingerprint2)?.digest,
    set: (fingerprint2, digest) => save.run(`host ${fingerprint2}`, fingerprint2, digest, Date.now())
  });
}
function noSnapshot() {
  throw new Error("a folder has no snapshot");
}
function createLocalWorker(store2) {
  let opened;
  let isSwept = false;
  const open = () => {
    if (opened === void 0) {
      if (process.getuid?.() !== 0) {
        throw outside("needs-root", "Cambium needs root to make snapshots and to isolate what it runs.", { hint: "Run it with sudo." });
      }
      enterPrivateMounts();
      const run2 = beginRun(store2);
      opened = { run: run2, snapshots: openSnapshots(store2, run2) };
    }
    return opened;
  };
  const openAndSweep = async () => {
    const { run: run2, snapshots } = open();
    if (!isSwept) {
      isSwept = true;
      await sweep(store2, driverFor(store2));
    }
    return { run: run2, snapshots };
  };
  const contents = openContents(store2, (id) => open().snapshots.mountView(id));
  const worker2 = {
    find: (key) => findKey(store2.db, key),
    lease: (snapshot) => lease(store2, open().run, snapshot),
    contentOf: (copy, snapshotOf) => contents.facts(copy, snapshotOf),
    async identify(source) {
      if (source.type === "folder") return contents.facts(folderCopy(source.path), noSnapshot);
      const { identifySource } = await import("../../images/index.ts");
      return identifySource(store2, source);
    },
    async execute(task) {
      const { run: run2, snapshots } = await openAndSweep();
      const { op } = task.step;
      const startedMs = performance.now();
      if (op.type === "run") return executeRun({ store: store2, snapshots, runDir: run2.dir, runId: run2.id }, op, task);
      const snapshot = op.type === "copy" ? executeCopy(store2, snapshots, contents, op, task) : await executeSource(store2, snapshots, contents, run2, op, task);
      return { outcome: "done", snapshot, durationMs: performance.now() - startedMs };
    },
    readFile(snapshot, path) {
      const host = driverFor(store2).locate(lineageOf(store2.db, snapshot), path);
      return host === void 0 ? void 0 : readFileSync13(host);
    },
    close() {
      if (opened === void 0) return;
      unmountBelow(opened.run.dir);
      opened.run[Symbol.dispose]();
      opened = void 0;
    }
  };
  return {
    ...worker2,
    async open() {
      const { run: run2, snapshots } = await openAndSweep();
      return { ...worker2, snapshots, run: run2 };
    }
  };
}

// src/store/builds.ts
import { rmSync as rmSync7 } from "node:fs";
import { join as join11 } from "node:path";
var keptBuilds = 30;
function recordBuild(store2, build) {
  const { db } = store2;
  const dropped = transaction(db, () => {
    db.prepare("INSERT INTO builds (id, build_file, started_ms, ended_ms, outcome) VALUES (?, ?, ?, ?, ?)").run(
      build.id,
      build.buildFile,
      build.startedMs,
      build.endedMs,
      build.outcome
    );
    const insert = db.prepare(
      `INSERT INTO build_steps (build, step, position, stage, title, internal, slot, key, state, reason, inputs,
         duration_ms, snapshot, workspace) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
    );
    for (const [position, step] of build.steps.entries()) {
      insert.run(
        build.id,
        step.step,
        position,
        step.stage,
        step.title,
        step.internal ? 1 : 0,
        step.slot,
        step.key ?? null,
        step.state,
        step.reason ?? null,
        JSON.stringify(step.inputs),
        step.durationMs === void 0 ? null : Math.round(step.durationMs),
        step.snapshot ?? null,
        step.workspace ?? null
      );
    }
    const old = db.prepare("SELECT id FROM builds WHERE build_file = ? ORDER BY started_ms DESC LIMIT -1 OFFSET ?").all(build.buildFile, keptBuilds);
    for (const { id } of old) db.prepare("DELETE FROM builds WHERE id = ?").run(id);
    return old;
  });
  for (const { id } of dropped) rmSync7(join11(store2.dir, "logs", id), { recursive: true, force: true });
}
function lastInputs(store2, buildFile, slot, beforeMs) {
  const row = store2.db.prepare(
    `SELECT s.inputs FROM build_steps s JOIN builds b ON b.id = s.build
       WHERE b.build_file = ? AND s.slot = ? AND b.started_ms < ? AND s.state IN ('ran', 'reused')
       ORDER BY b.started_ms DESC LIMIT 1`
  ).get(buildFile, slot, beforeMs);
  return row && JSON.parse(row.inputs);
}
function inputsOfKey(store2, key) {
  const row = store2.db.prepare(
    `SELECT s.inputs FROM build_steps s JOIN builds b ON b.id = s.build WHERE s.key = ?
       ORDER BY s.state = 'ran' DESC, b.started_ms DESC LIMIT 1`
  ).get(key);
  return row && JSON.parse(row.inputs);
}

// src/build/facts.ts
var keyFormat = "1";
function keyOf(facts) {
  return hexOf(sha256(canonicalJson(facts)));
}
function commonFacts(kind, base) {
  const facts = { format: keyFormat, kind, platform: `${process.platform}/${process.arch}` };
  if (base !== void 0) facts["parent"] = base;
  return facts;
}
function sourceFacts({ source }, identity) {
  const facts = commonFacts(`source ${source.type}`, void 0);
  for (const [name, value] of Object.entries(identity)) facts[`source: ${name}`] = value;
  return facts;
}
function copyFacts(op, base, contents) {
  const facts = commonFacts("copy", base);
  for (const [index, copy] of op.copies.entries()) {
    const content = contents[index];
    const name = `copy ${index + 1} to ${copy.dest}`;
    facts[name] = canonicalJson([copy.paths, copy.owner ?? null, copy.mode ?? null]);
    if (typeof content === "string") facts[`${name}: from step`] = content;
    else for (const [path, digest] of Object.entries(content)) facts[`${name}: ${path}`] = digest;
  }
  return facts;
}
function runFacts(op, base, mounts, builder) {
  const facts = commonFacts("run", base);
  facts["command"] = JSON.stringify(op.argv);
  facts["working folder"] = op.cwd;
  facts["user"] = op.user;
  facts["root folder"] = canonicalJson({ ...op.root, builder: builder ?? (op.root.type === "builder" ? "host" : "") });
  facts["network"] = op.network;
  facts["confinement"] = `${op.security}${op.noNewPrivileges ? ", no new privileges" : ""}`;
  facts["host name"] = op.hostname ?? "";
  for (const [name, value] of Object.entries(op.env)) facts[`variable ${name}`] = value;
  for (const [index, mount2] of op.mounts.entries()) {
    facts[`mount ${mount2.target}`] = mount2.type === "step" ? `${mounts[index]} ${mount2.path}` : `tmpfs ${mount2.sizeBytes ?? ""}`;
  }
  for (const [name, value] of Object.entries(op.identity ?? {})) facts[`builder: ${name}`] = value;
  return facts;
}
function referencedSteps(step) {
  const { op } = step;
  if (op.type === "copy") return op.copies.flatMap(({ from }) => from.type === "step" ? [from.step] : []);
  if (op.type !== "run") return [];
  const builder = op.root.type === "builder" && op.root.builder !== "host" ? [op.root.builder.step] : [];
  return [...op.mounts.flatMap((mount2) => mount2.type === "step" ? [mount2.step] : []), ...builder];
}

// src/build/keys.ts
async function identifySources(plan2, worker2) {
  const sources = plan2.steps.flatMap(({ id, op }) => op.type === "source" ? [{ id, source: op.source }] : []);
  return new Map(await Promise.all(sources.map(async ({ id, source }) => [id, await worker2.identify(source)])));
}
function keyStep(step, worker2, identities, keys, results) {
  const unknown = { step, key: void 0, alias: void 0, facts: {}, hit: void 0 };
  const base = step.base && keys.get(step.base);
  if (step.base !== void 0 && base === void 0) return unknown;
  const named = referencedSteps(step);
  if (named.some((id) => keys.get(id) === void 0)) return unknown;
  const { op } = step;
  const find = (key2) => step.noCache ? void 0 : worker2.find(key2);
  if (op.type === "copy") return keyCopy(step, { worker: worker2, keys, results, base, find });
  const facts = op.type === "source" ? sourceFacts(op, identities.get(step.id) ?? {}) : runFacts(
    op,
    base,
    op.mounts.map((mount2) => mount2.type === "step" ? keys.get(mount2.step) : void 0),
    op.root.type === "builder" && op.root.builder !== "host" ? keys.get(op.root.builder.step) : void 0
  );
  const key = keyOf(facts);
  return { step, key, alias: void 0, facts, hit: find(key) };
}
function keyCopy(step, look) {
  const { op } = step;
  const { worker: worker2, keys, results, base, find } = look;
  const fromSteps = op.copies.some(({ from }) => from.type === "step");
  let alias;
  if (fromSteps) {
    const contents = op.copies.map(
      (copy) => copy.from.type === "step" ? keys.get(copy.from.step) : worker2.contentOf(copy, missing)
    );
    const facts2 = copyFacts(op, base, contents);
    alias = keyOf(facts2);
    const hit = find(alias);
    if (hit) return { step, key: hit.canonical, alias, facts: facts2, hit };
    if (referencedSteps(step).some((id) => !results.has(id))) return { step, key: void 0, alias, facts: facts2, hit: void 0 };
  }
  const facts = copyFacts(op, base, op.copies.map((copy) => worker2.contentOf(copy, (id) => results.get(id))));
  const key = keyOf(facts);
  return { step, key, alias, facts, hit: find(key) };
}
function missing() {
  throw new Error("a copy from a folder asked for a snapshot");
}
function keyPlan(plan2, worker2, identities) {
  const keyed = /* @__PURE__ */ new Map();
  const keys = /* @__PURE__ */ new Map();
  const results = /* @__PURE__ */ new Map();
  for (const step of plan2.steps) {
    const result = keyStep(step, worker2, identities, keys, results);
    keyed.set(step.id, result);
    keys.set(step.id, result.key);
    if (result.hit) results.set(step.id, result.hit.snapshot);
  }
  return keyed;
}

// src/build/logs.ts
import { closeSync as closeSync13, mkdirSync as mkdirSync14, openSync as openSync8, writeSync as writeSync3 } from "node:fs";
import { join as join12 } from "node:path";
var tailLines = 20;
var largestLogBytes = 256 * 1024 * 1024;
function logPath(store2, buildId, step) {
  return join12(store2.dir, "logs", buildId, `${step.replaceAll("/", "_")}.log`);
}
function openLogs(store2, buildId) {
  const files2 = /* @__PURE__ */ new Map();
  const tails = /* @__PURE__ */ new Map();
  const write = (step, at, text) => {
    let file = files2.get(step);
    if (file === void 0) {
      mkdirSync14(join12(store2.dir, "logs", buildId), { recursive: true });
      file = { fd: openSync8(logPath(store2, buildId, step), "a", 384), startedMs: at, bytes: 0, atLineStart: true };
      files2.set(step, file);
    }
    if (file.bytes > largestLogBytes) return;
    const stamp = `${((at - file.startedMs) / 1e3).toFixed(3).padStart(9)} `;
    const stamped = (file.atLineStart ? stamp : "") + text.replace(/\n(?=.)/gs, `
${stamp}`);
    file.atLineStart = text.endsWith("\n");
    file.bytes += writeSync3(file.fd, stamped);
  };
  return {
    onEvent(event) {
      if (event.type !== "step-output") return;
      write(event.step, event.at, event.text);
      const text = (tails.get(event.step) ?? "") + event.text;
      tails.set(event.step, text.length > 64e3 ? text.slice(-32e3) : text);
    },
    tailOf: (step) => (tails.get(step) ?? "").replace(/\n$/, "").split("\n").slice(-tailLines),
    [Symbol.dispose]() {
      for (const { fd } of files2.values()) closeSync13(fd);
    }
  };
}

// src/build/reasons.ts
function compareFacts(before, after) {
  const names = [.../* @__PURE__ */ new Set([...Object.keys(before), ...Object.keys(after)])];
  return names.filter((name) => before[name] !== after[name]).map((name) => ({ name, before: before[name], after: after[name] }));
}
function reasonOf(before, after, isForced) {
  if (isForced) return "asked for by --no-cache";
  if (before === void 0) return "it has not been built before";
  const changes = compareFacts(before, after);
  if (changes.length === 0) return "its snapshot is not in the store any more";
  return changes.map(describeChange).join(", ");
}
function describeChange({ name }) {
  if (name === "parent") return "the step before it changed";
  if (name === "command") return "its command changed";
  if (name === "format") return "a newer Cambium makes keys in another way";
  const copied = /^copy \d+ to (?<dest>.*?): (?<path>.*)$/.exec(name)?.groups;
  if (copied) return `${copied["path"] === "." ? copied["dest"] : copied["path"]} changed`;
  const mounted = /^mount (?<target>.*)$/.exec(name)?.groups;
  if (mounted) return `what it sees at ${mounted["target"]} changed`;
  return `${name} changed`;
}

// src/build/scheduler.ts
var NotRealised = class extends Error {
};
async function runSchedule(request) {
  const { plan: plan2, worker: worker2, identities, onEvent, signal: signal2 } = request;
  const steps = new Map(plan2.steps.map((step) => [step.id, step]));
  const reports = /* @__PURE__ */ new Map();
  const keys = /* @__PURE__ */ new Map();
  const results = /* @__PURE__ */ new Map();
  const slots = semaphore(request.jobs);
  const known2 = keyPlan(plan2, worker2, identities);
  const promises = /* @__PURE__ */ new Map();
  let hasFailed = false;
  const reuse = (keyed) => {
    const { step, hit } = keyed;
    const { snapshot, canonical: key, durationMs } = hit;
    keys.set(step.id, key);
    results.set(step.id, snapshot);
    reports.set(step.id, { keyed, state: "reused", snapshot, durationMs });
    onEvent({ type: "step-reused", at: Date.now(), step: step.id, key, snapshot, savedMs: durationMs });
    return snapshot;
  };
  const realise = (id) => {
    const promise = promises.get(id) ?? realiseNow(steps.get(id));
    promises.set(id, promise);
    return promise;
  };
  const keyNow = async (id) => {
    if (keys.has(id)) return;
    const early = known2.get(id);
    if (early?.key !== void 0) keys.set(id, early.key);
    else await realise(id);
  };
  const realiseNow = async (step) => {
    const early = known2.get(step.id);
    if (early.hit && worker2.lease(early.hit.snapshot)) return reuse(early);
    const named = [...step.base ? [step.base] : [], ...referencedSteps(step)];
    await settleAll(named.map(keyNow));
    let keyed = early.key !== void 0 ? early : keyStep(step, worker2, identities, keys, results);
    if (keyed.key === void 0) {
      await settleAll(referencedSteps(step).map(realise));
      keyed = keyStep(step, worker2, identities, keys, results);
    }
    if (keyed.hit && worker2.lease(keyed.hit.snapshot)) return reuse(keyed);
    await settleAll(named.map(realise));
    if (hasFailed || signal2.aborted) throw cancel(keyed, "the build was stopped");
    return slots(() => runStep(keyed));
  };
  const cancel = (keyed, reason) => {
    const { step } = keyed;
    if (!reports.has(step.id)) {
      reports.set(step.id, { keyed, state: "cancelled" });
      onEvent({ type: "step-cancelled", at: Date.now(), step: step.id, reason });
    }
    return new NotRealised();
  };
  const runStep = async (keyed) => {
    const { step, key } = keyed;
    if (hasFailed || signal2.aborted) throw cancel(keyed, "the build was stopped");
    const onWait = () => {
      const reason = "another build runs the same step";
      onEvent({ type: "step-waiting", at: Date.now(), step: step.id, reason });
    };
    return request.withKeyLock(key, onWait, async () => {
      const hit = step.noCache ? void 0 : worker2.find(key);
      if (hit && worker2.lease(hit.snapshot)) return reuse({ ...keyed, hit });
      const reason = request.reasonFor(keyed);
      onEvent({ type: "step-started", at: Date.now(), step: step.id, key, reason });
      const outcome = await execute2(keyed);
      return conclude(keyed, reason, outcome);
    });
  };
  const execute2 = (keyed) => {
    const { step, key, alias } = keyed;
    return worker2.execute({
      step,
      key,
      alias,
      base: step.base && results.get(step.base),
      snapshotOf: (id) => results.get(id),
      limits: request.limits,
      timeoutMs: request.timeoutMs,
      signal: signal2,
      onOutput: (stream, text) => onEvent({ type: "step-output", at: Date.now(), step: step.id, stream, text })
    });
  };
  const conclude = (keyed, reason, outcome) => {
    const { step, key } = keyed;
    if (outcome.outcome === "cancelled") throw cancel(keyed, "it was stopped");
    if (outcome.outcome === "failed") {
      hasFailed = true;
      const failure = {
        ...outcome.failure,
        tail: request.tailOf(step.id),
        ...step.location && { location: step.location },
        workspaceKept: outcome.workspace !== void 0
      };
      const kept = outcome.workspace === void 0 ? {} : { workspace: outcome.workspace };
      reports.set(step.id, { keyed, state: "failed", reason, failure, ...kept });
      onEvent({ type: "step-failed", at: Date.now(), step: step.id, failure });
      throw new NotRealised();
    }
    const { snapshot, durationMs } = outcome;
    keys.set(step.id, key);
    results.set(step.id, snapshot);
    reports.set(step.id, { keyed, state: "ran", reason, durationMs, snapshot });
    onEvent({ type: "step-done", at: Date.now(), step: step.id, key, snapshot, durationMs });
    return snapshot;
  };
  const last = known2.get(plan2.result);
  if (last.hit && !request.holdsResult) {
    reportUntouched(known2, reports, reuse);
    return { reports, result: last.hit.snapshot, outcome: "done" };
  }
  try {
    const result = await realise(plan2.result);
    reportUntouched(known2, reports, reuse);
    return { reports, result, outcome: "done" };
  } catch (error) {
    hasFailed = true;
    await Promise.allSettled(promises.values());
    if (error instanceof NotRealised || signal2.aborted) {
      return { reports, result: void 0, outcome: signal2.aborted ? "interrupted" : "failed" };
    }
    throw error;
  }
}
function reportUntouched(known2, reports, reuse) {
  for (const [id, keyed] of known2) if (keyed.hit && !reports.has(id)) reuse(keyed);
}
async function settleAll(promises) {
  const settled = await Promise.allSettled(promises);
  const failed = settled.find((one) => one.status === "rejected");
  if (failed) throw failed.reason;
}
function semaphore(places) {
  let free = Math.max(1, places);
  const waiting = [];
  return async (body) => {
    if (free === 0) await new Promise((resolve2) => waiting.push(resolve2));
    else free -= 1;
    try {
      return await body();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
}

// src/build/build.ts
async function buildPlan(request) {
  var _stack = [];
  try {
    const { store: store2, worker: worker2, plan: plan2, signal: signal2, buildFile } = request;
    const buildId = newId();
    const startedMs = Date.now();
    const slots = slotsOf(plan2);
    const logs = __using(_stack, openLogs(store2, buildId));
    const onEvent = (event) => {
      logs.onEvent(event);
      if (request.isMain || isTrouble(event, plan2)) request.onEvent(event);
    };
    announce(plan2, buildId, onEvent);
    const reasonFor = ({ step, facts }) => reasonOf(lastInputs(store2, buildFile, slots.get(step.id), startedMs), facts, step.noCache ?? false);
    let schedule = { reports: /* @__PURE__ */ new Map(), result: void 0, outcome: "failed" };
    let concluded = { tags: [] };
    try {
      const identities = await identifySources(plan2, worker2);
      schedule = await runSchedule({
        plan: plan2,
        worker: worker2,
        identities,
        jobs: request.jobs,
        limits: request.limits,
        timeoutMs: request.timeoutMs,
        signal: signal2,
        onEvent,
        reasonFor,
        withKeyLock: (key, onWait, body) => withLock(store2, key, { onWait, signal: signal2 }, body),
        tailOf: logs.tailOf,
        holdsResult: request.holdsResult
      });
      if (schedule.result !== void 0 && request.conclude) concluded = await request.conclude(schedule.result);
    } catch (error) {
      if (!signal2.aborted) {
        schedule = { ...schedule, outcome: "failed" };
        throw error;
      }
      schedule = { ...schedule, outcome: "interrupted" };
    } finally {
      const steps = plan2.steps.flatMap((step) => stepRecord(store2, step, slots, schedule.reports.get(step.id)));
      recordBuild(store2, { id: buildId, buildFile, startedMs, endedMs: Date.now(), outcome: schedule.outcome, steps });
      touchSnapshots(store2.db, [...schedule.reports.values()].flatMap(({ snapshot }) => snapshot ?? []));
      const totals = totalsOf(schedule);
      onEvent({
        type: "build-done",
        at: Date.now(),
        outcome: schedule.outcome,
        ...totals,
        durationMs: Date.now() - startedMs,
        ...concluded.digest && { digest: concluded.digest },
        tags: concluded.tags
      });
    }
    if (schedule.outcome === "interrupted") return { outcome: "interrupted" };
    if (schedule.result === void 0) return failureOf(schedule);
    return { outcome: "done", result: schedule.result, ...totalsOf(schedule) };
  } catch (_) {
    var _error = _, _hasError = true;
  } finally {
    __callDispose(_stack, _error, _hasError);
  }
}
function isTrouble(event, plan2) {
  if (event.type === "step-failed" || event.type === "warning") return true;
  return event.type === "step-planned" && plan2.steps.some(({ id }) => id === event.step);
}
function announce(plan2, buildId, onEvent) {
  const at = Date.now();
  onEvent({ type: "build-started", at, buildId, steps: plan2.steps.filter(({ internal }) => !internal).length });
  for (const { id, stage, title, internal } of plan2.steps) {
    onEvent({ type: "step-planned", at, step: id, stage, title, internal: internal ?? false });
  }
}
function slotsOf(plan2) {
  const counts = /* @__PURE__ */ new Map();
  return new Map(
    plan2.steps.map(({ id, stage, internal }) => {
      const kind = `${stage}${internal ? " (inputs)" : ""}`;
      const count = (counts.get(kind) ?? 0) + 1;
      counts.set(kind, count);
      return [id, `${kind} ${count}`];
    })
  );
}
function stepRecord(store2, step, slots, report) {
  if (report === void 0) return [];
  const { keyed, state, reason, durationMs, snapshot, workspace } = report;
  const { id, stage, title, internal } = step;
  const key = keyed.hit?.canonical ?? keyed.key;
  const inputs = (state === "reused" && keyed.alias !== void 0 && key !== void 0 ? inputsOfKey(store2, key) : void 0) ?? keyed.facts;
  const slot = slots.get(id);
  return [{ step: id, stage, title, internal: internal ?? false, slot, key, state, reason, inputs, durationMs, snapshot, workspace }];
}
function totalsOf({ reports }) {
  const all = [...reports.values()].filter(({ keyed }) => !keyed.step.internal);
  const reused = all.filter(({ state }) => state === "reused");
  return {
    ran: all.filter(({ state }) => state === "ran").length,
    reused: reused.length,
    savedMs: reused.reduce((sum, { durationMs }) => sum + (durationMs ?? 0), 0)
  };
}
function failureOf({ reports }) {
  const report = [...reports.values()].find(({ state }) => state === "failed");
  if (report?.failure === void 0) return { outcome: "interrupted" };
  const { id, stage, title } = report.keyed.step;
  return { outcome: "failed", step: { id, stage, title }, failure: report.failure };
}

// ../../tmp/p/dev.ts
var store = openStore(process.argv[2]);
var t0 = performance.now();
var worker = createLocalWorker(store);
var run = (id, base, cmd, extra = {}) => ({ id, stage: id, title: cmd, base, op: { type: "run", argv: ["/bin/sh", "-c", cmd], env: {}, cwd: "/", user: "", root: { type: "snapshot", path: "/" }, mounts: [], network: "host", security: "default", ...extra } });
var plan = { version: 1, result: "c", image: { root: "/", config: {}, platform: { os: "linux", architecture: "amd64" } }, steps: [
  { id: "bb", stage: "base", title: "busybox", op: { type: "copy", copies: [{ from: { type: "folder", path: "/tmp/p/b/rootfs" }, paths: ["."], dest: "/" }, { from: { type: "inline", files: [{ path: "hi", data: "x=1\n", mode: 420 }] }, paths: [], dest: "/inl" }] } },
  run("a", "bb", "echo hello > /a; ls -la /; cat /proc/self/cgroup"),
  run("b", "a", process.argv[3] ?? "true"),
  { id: "h", stage: "h", title: "host", base: "b", op: { type: "run", argv: ["/bin/bash", "-c", "ls / $1; ls /work; id; echo x > /work/fromhost; touch /usr/zz; ls /usr/local; cat /etc/shadow; mount | head -5; ip a 2>/dev/null| head -3"], env: { PATH: "/usr/bin:/bin" }, cwd: "/", user: "", root: { type: "builder", builder: "host", work: "/work" }, mounts: [], network: "host", security: "builder", identity: hostIdentity2(store) } },
  run("c", "h", "true")
] };
var r = await buildPlan({ store, worker, plan, buildFile: "x", jobs: 2, limits: {}, signal: new AbortController().signal, onEvent: (e) => {
  if (e.type === "step-output") process.stdout.write(e.text);
  else console.log(e.type, e.step ?? "", e.reason ?? "", e.durationMs?.toFixed?.(0) ?? "", e.failure ?? "");
}, isMain: true, holdsResult: false });
console.log(r, (performance.now() - t0).toFixed(0) + "ms");
worker.close();
store.close();
