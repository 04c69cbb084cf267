"""A filter in the Linux kernel for the system calls that the decoding process may no longer make. Standard library
only.

It lists what is refused, not what is allowed: libraries of many versions run behind it. It refuses what would reach out
of the process: the network, other programs and processes, files to be changed, and kernel interfaces that would do
these things past the filter. Reading files is allowed.

Linux, Documentation/userspace-api/seccomp_filter.rst; numbers: arch/x86/entry/syscalls/syscall_64.tbl and
include/uapi/asm-generic/unistd.h.
"""

import ctypes
import errno
import os
import platform
import struct

__all__ = ["install", "program"]

# Name: (number on x86-64, number on arm64), None if there is none.
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    # the network
    "socket": (41, 198),
    "socketpair": (53, 199),
    "connect": (42, 203),
    "accept": (43, 202),
    "accept4": (288, 242),
    "bind": (49, 200),
    "listen": (50, 201),
    "sendto": (44, 206),
    "sendmsg": (46, 211),
    "sendmmsg": (307, 269),
    "recvfrom": (45, 207),
    "recvmsg": (47, 212),
    "recvmmsg": (299, 243),
    # other programs and processes
    "fork": (57, None),
    "vfork": (58, None),
    "execve": (59, 221),
    "execveat": (322, 281),
    "ptrace": (101, 117),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "process_madvise": (440, 440),
    "pidfd_open": (434, 434),
    "pidfd_getfd": (438, 438),
    "pidfd_send_signal": (424, 424),
    "kcmp": (312, 272),
    "kill": (62, 129),
    "tkill": (200, 130),
    "rt_sigqueueinfo": (129, 138),
    "rt_tgsigqueueinfo": (297, 240),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "msgget": (68, 186),
    "semget": (64, 190),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    # files: neither made, nor changed, nor taken away
    "creat": (85, None),
    "truncate": (76, 45),
    "ftruncate": (77, 46),
    "fallocate": (285, 47),
    "unlink": (87, None),
    "unlinkat": (263, 35),
    "rename": (82, None),
    "renameat": (264, 38),
    "renameat2": (316, 276),
    "link": (86, None),
    "linkat": (265, 37),
    "symlink": (88, None),
    "symlinkat": (266, 36),
    "mkdir": (83, None),
    "mkdirat": (258, 34),
    "rmdir": (84, None),
    "mknod": (133, None),
    "mknodat": (259, 33),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "fchmodat": (268, 53),
    "fchmodat2": (452, 452),
    "chown": (92, None),
    "lchown": (94, None),
    "fchown": (93, 55),
    "fchownat": (260, 54),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "setxattrat": (463, 463),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "removexattrat": (466, 466),
    "file_setattr": (469, 469),
    "utime": (132, None),
    "utimes": (235, None),
    "futimesat": (261, None),
    "utimensat": (280, 88),
    # ways around the filter, and doors into the kernel that no decoder needs
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "bpf": (321, 280),
    "perf_event_open": (298, 241),
    "userfaultfd": (323, 282),
    "keyctl": (250, 219),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "unshare": (272, 97),
    "setns": (308, 268),
    "mount": (165, 40),
    "umount2": (166, 39),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "mount_setattr": (442, 442),
    "pivot_root": (155, 41),
    "chroot": (161, 51),
    "open_by_handle_at": (304, 265),
    "init_module": (175, 105),
    "finit_module": (313, 273),
    "kexec_load": (246, 104),
    "reboot": (169, 142),
}
# Their arguments lie in memory, where a filter cannot look: said not to exist, so that the C library takes the older
# calls (clone, openat), whose arguments it can see.
_ABSENT = {"clone3": (435, 435), "openat2": (437, 437)}

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_CLONE_THREAD = 0x10000
_F_SETOWN, _F_SETSIG, _F_SETOWN_EX = 8, 10, 15  # they have the kernel send signals to other processes
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C  # they type into a terminal

_MACHINES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column above, AUDIT_ARCH
_X32 = 0x40000000  # x86-64's other numbering of the same calls

_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
_ALLOW, _KILL_PROCESS, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_Instruction = tuple[int, int, int, int]  # code, jump if true, jump if false, operand


def program(machine: str, pid: int) -> bytes:
    """The filter in the kernel's own language, for the process with this pid. KeyError for a machine it is not for."""
    column, audit_arch = _MACHINES[machine]
    refuse, absent = _ERRNO | errno.EPERM, _ERRNO | errno.ENOSYS
    code: list[_Instruction] = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, audit_arch), (_RETURN, 0, 0, _KILL_PROCESS)]
    code.append((_LOAD, 0, 0, 0))  # the call's number; it stays loaded
    if machine == "x86_64":
        code += [(_AT_LEAST, 0, 1, _X32), (_RETURN, 0, 0, _KILL_PROCESS)]
    for table, answer in ((_REFUSED, refuse), (_ABSENT, absent)):
        for call_numbers in table.values():
            if (number := call_numbers[column]) is not None:
                code += [(_EQUAL, 0, 1, number), (_RETURN, 0, 0, answer)]

    def refuse_if(call_numbers: tuple[int | None, int | None], argument: int, tests: list[_Instruction]) -> None:
        """Each test jumps over so many of the following tests, or over none."""
        if (number := call_numbers[column]) is None:
            return
        load = (_LOAD, 0, 0, 16 + 8 * argument)  # its lower half: all of these are 32 bits wide
        body = [load, *tests, (_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, refuse)]
        code.extend([(_EQUAL, 0, len(body), number), *body])

    refuse_if((2, None), 1, [(_ANY_BIT, 1, 0, _WRITING)])  # open
    refuse_if((257, 56), 2, [(_ANY_BIT, 1, 0, _WRITING)])  # openat
    refuse_if((56, 220), 0, [(_ANY_BIT, 0, 1, _CLONE_THREAD)])  # clone: threads only
    refuse_if((234, 131), 0, [(_EQUAL, 0, 1, pid)])  # tgkill: itself only, as abort() does
    refuse_if((302, 261), 0, [(_EQUAL, 1, 0, 0), (_EQUAL, 0, 1, pid)])  # prlimit64: its own
    refuse_if(
        (72, 25), 1, [(_EQUAL, 3, 0, _F_SETOWN), (_EQUAL, 2, 0, _F_SETSIG), (_EQUAL, 1, 0, _F_SETOWN_EX)]
    )  # fcntl
    refuse_if((16, 29), 1, [(_EQUAL, 2, 0, _TIOCSTI), (_EQUAL, 1, 0, _TIOCLINUX)])  # ioctl
    code.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in code)


def install() -> str | None:
    """Puts the filter on every thread of this process, for good. Returns what prevented it, else None."""
    machine = platform.machine()
    if machine not in _MACHINES or struct.calcsize("P") != 8:
        return f"there is no filter for {machine or 'this machine'}"
    libc = ctypes.CDLL(None, use_errno=True)
    text = program(machine, os.getpid())
    instructions = ctypes.create_string_buffer(text, len(text))
    head = struct.pack("@HP", len(text) // 8, ctypes.addressof(instructions))  # struct sock_fprog
    zero, one = ctypes.c_ulong(0), ctypes.c_ulong(1)
    no_new_privileges, set_mode_filter, all_threads = 38, 1, ctypes.c_ulong(1)
    if libc.prctl(no_new_privileges, one, zero, zero, zero):
        return f"the kernel refuses no_new_privs ({os.strerror(ctypes.get_errno())})"
    seccomp = {"x86_64": 317, "aarch64": 277}[machine]
    answer = libc.syscall(ctypes.c_long(seccomp), ctypes.c_ulong(set_mode_filter), all_threads, ctypes.c_char_p(head))
    if answer:
        return f"the kernel refuses the filter ({os.strerror(ctypes.get_errno()) if answer < 0 else 'a thread'})"
    return None
