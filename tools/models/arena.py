"""Places the tensors of a net in one block of memory: two share a place when the one ends before the other begins."""

from tools.models.netfile import NONE, SLACK_BYTES, Net


def lay_out(net: Net) -> None:
    """Largest first, each at the lowest place that is free for its whole life. Fills in the offsets and the sizes."""
    lives = _lives(net)
    placed: list[tuple[int, int, tuple[int, int]]] = []
    for index in sorted(range(len(net.tensors)), key=lambda index: -net.tensors[index].size_bytes):
        tensor, life = net.tensors[index], lives[index]
        size = -(-tensor.size_bytes // 4) * 4
        at = 0
        for start, end, other in sorted(placed):
            if life[0] <= other[1] and other[0] <= life[1] and start < at + size and at < end:
                at = end
        tensor.offset = at
        placed.append((at, at + size, life))
    end = max(end for _, end, _ in placed) + SLACK_BYTES
    net.patch_at = end
    end += max(
        (_patch_bytes(net, operation.source, index) for index, operation in enumerate(net.operations)), default=0
    )
    net.sums_at = -(-end // 4) * 4
    net.arena_bytes = net.sums_at + max(_sum_bytes(net, index) for index in range(len(net.operations)))


def _lives(net: Net) -> list[tuple[int, int]]:
    """From the operation that makes a tensor to the last that reads it; outputs live to the end."""
    first = {0: -1} | {operation.result: at for at, operation in enumerate(net.operations)}
    last = dict(first)
    for at, operation in enumerate(net.operations):
        last[operation.source] = at
        if operation.added != NONE:
            last[operation.added] = at
    for index in range(len(net.tensors) - net.outputs, len(net.tensors)):
        last[index] = len(net.operations)
    return [(first[index], last[index]) for index in range(len(net.tensors))]


def _patch_bytes(net: Net, source: int, index: int) -> int:
    """A row of patches of a convolution that is wider than one pixel."""
    operation = net.operations[index]
    if operation.kind != "conv" or operation.size == (1, 1) and operation.stride == 1:
        return 0
    return net.tensors[operation.result].width * operation.depth + SLACK_BYTES


def _sum_bytes(net: Net, index: int) -> int:
    """Three 32-bit sums for each channel, where the products come in more than one chunk."""
    operation = net.operations[index]
    return 12 * net.tensors[operation.result].channels if operation.chunk < operation.depth else 0
