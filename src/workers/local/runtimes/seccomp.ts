/**
 * Which system calls a run may make. `default` is what Docker allows by default: a list of calls, all others
 * fail with EPERM. `builder` allows some more (seccomp-builder.ts). Names that the runtime's libseccomp doesn't know are
 * left out by the runtime, so that a call is refused which is newer than it.
 */
import { builderRules } from './seccomp-builder.ts';
import type { RunRequest } from './types.ts';

export interface Rule {
  names: readonly string[];
  action: 'SCMP_ACT_ALLOW' | 'SCMP_ACT_ERRNO';
  errnoRet?: number;
  args?: readonly { index: number; value: number; valueTwo?: number; op: string }[];
}

const words = (text: string): string[] => text.trim().split(/\s+/);
/** Calls that 32-bit machines have a second time, with a suffix. */
const twice = (suffix: string, text: string): string[] =>
  words(text).flatMap((name) => [name, `${name}${suffix}`]);

const files = [
  ...words(`access faccessat faccessat2 open openat openat2 creat close close_range dup dup2 dup3 read readv pread64
    preadv preadv2 write writev pwrite64 pwritev pwritev2 lseek _llseek link linkat unlink unlinkat rename renameat
    renameat2 symlink symlinkat readlink readlinkat mkdir mkdirat rmdir mknod mknodat chdir fchdir getcwd umask
    chmod fchmod fchmodat fchmodat2 fchownat stat lstat fstat newfstatat statx utime utimes futimesat flock
    getdents getdents64 sync syncfs fsync fdatasync sync_file_range fallocate copy_file_range splice tee vmsplice
    readahead cachestat name_to_handle_at statmount listmount`),
  ...twice('64', 'fcntl stat lstat fstat fstatat statfs fstatfs truncate ftruncate sendfile'),
  ...words('fadvise64 fadvise64_64 utimensat utimensat_time64'),
  ...twice('32', 'chown fchown lchown'),
  ...['get', 'set', 'list', 'remove'].flatMap((verb) => ['', 'l', 'f'].map((kind) => `${kind}${verb}xattr`)),
  ...words('getxattrat setxattrat listxattrat removexattrat'),
  ...words('inotify_init inotify_init1 inotify_add_watch inotify_rm_watch fanotify_mark'),
];

const processes = [
  ...words(`fork vfork execve execveat exit exit_group wait4 waitid waitpid kill tkill tgkill pause
    pidfd_open pidfd_send_signal process_mrelease ptrace process_vm_readv process_vm_writev getpid getppid gettid getpgid getpgrp
    setpgid getsid setsid prctl prlimit64 getrlimit setrlimit ugetrlimit getrusage times uname sysinfo
    getpriority setpriority ioprio_get ioprio_set capget capset seccomp rseq set_tid_address
    get_robust_list set_robust_list get_thread_area set_thread_area restart_syscall getcpu getrandom membarrier
    landlock_create_ruleset landlock_add_rule landlock_restrict_self lsm_get_self_attr lsm_set_self_attr lsm_list_modules`),
  ...twice(
    '32',
    `getuid geteuid getgid getegid getresuid getresgid getgroups setuid setgid setreuid setregid setresuid setresgid
    setfsuid setfsgid setgroups`,
  ),
  ...words(`sched_yield sched_getaffinity sched_setaffinity sched_getattr sched_setattr sched_getparam sched_setparam
    sched_getscheduler sched_setscheduler sched_get_priority_min sched_get_priority_max sched_rr_get_interval
    sched_rr_get_interval_time64`),
  ...words(`rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait
    rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack sigprocmask sigreturn signalfd signalfd4`),
];

const memoryAndWaiting = [
  ...words(`brk mmap mmap2 munmap mremap mprotect madvise mincore msync mlock mlock2 mlockall munlock munlockall
    remap_file_pages memfd_create memfd_secret pkey_alloc pkey_free pkey_mprotect map_shadow_stack mseal`),
  ...words(`select _newselect pselect6 pselect6_time64 poll ppoll ppoll_time64 epoll_create epoll_create1 epoll_ctl
    epoll_ctl_old epoll_wait epoll_wait_old epoll_pwait epoll_pwait2 eventfd eventfd2 futex futex_time64 futex_wait futex_wake
    futex_requeue futex_waitv pipe pipe2 io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents
    io_pgetevents_time64`),
  ...words(`ipc msgget msgctl msgrcv msgsnd semget semctl semop semtimedop semtimedop_time64 shmget shmctl shmat shmdt
    mq_open mq_unlink mq_notify mq_getsetattr mq_timedsend mq_timedsend_time64 mq_timedreceive mq_timedreceive_time64`),
];

const network =
  words(`socketcall socketpair bind connect listen accept accept4 shutdown getsockname getpeername
  getsockopt setsockopt send sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg recvmmsg_time64`);

const clocks = [
  ...words(`time gettimeofday nanosleep alarm getitimer setitimer adjtimex clock_nanosleep clock_nanosleep_time64
    clock_getres clock_getres_time64 timer_create timer_delete timer_getoverrun timerfd_create`),
  ...twice('64', 'clock_gettime clock_adjtime timer_gettime timer_settime timerfd_gettime timerfd_settime'),
];

const architectures: Partial<Record<string, { names: readonly string[]; calls: readonly string[] }>> = {
  x64: {
    names: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
    calls: ['arch_prctl', 'modify_ldt'],
  },
  arm64: {
    names: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
    calls: words('arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls'),
  },
  riscv64: { names: ['SCMP_ARCH_RISCV64'], calls: ['riscv_flush_icache', 'riscv_hwprobe'] },
};

/** Flags of clone(2) that make namespaces: CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET. */
const namespaceFlags = 0x7e020000;
/** AF_VSOCK talks to the host of a virtual machine. */
const vsock = 40;
/** What personality(2) may be set to: PER_LINUX, PER_LINUX32, both with UNAME26, and the query. */
const personalities = [0, 8, 0x20000, 0x20008, 0xffffffff];
const ENOSYS = 38;

const allow = (names: readonly string[]): Rule => ({ names, action: 'SCMP_ACT_ALLOW' });

function commonRules(calls: readonly string[]): Rule[] {
  return [
    allow([...files, ...processes, ...memoryAndWaiting, ...network, ...clocks, ...calls, 'chroot']),
    { ...allow(['socket']), args: [{ index: 0, value: vsock, op: 'SCMP_CMP_NE' }] },
    ...personalities.map((value) => ({
      ...allow(['personality']),
      args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }],
    })),
  ];
}

const defaultRules: readonly Rule[] = [
  allow(['ioctl']),
  {
    ...allow(['clone']),
    args: [{ index: 0, value: namespaceFlags, valueTwo: 0, op: 'SCMP_CMP_MASKED_EQ' }],
  },
  // clone3 has its flags in memory, where a filter can't look: the C library falls back to clone.
  { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOSYS },
];

/** The `linux.seccomp` object of an OCI configuration; undefined on machines that Docker has no list for. */
export function seccompOf(
  security: RunRequest['security'],
  architecture: string = process.arch,
): object | undefined {
  const machine = architectures[architecture];
  if (machine === undefined) return undefined;
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 1,
    architectures: machine.names,
    syscalls: [...commonRules(machine.calls), ...(security === 'builder' ? builderRules : defaultRules)],
  };
}
