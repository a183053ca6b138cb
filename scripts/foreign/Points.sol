// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.24;

import {ERC1155} from "@openzeppelin/contracts/token/ERC1155/ERC1155.sol";

/// OpenZeppelin's ERC-1155, but for a public mint and burn: what `erc1155_root` of a checkpoint is compared with.
contract Points is ERC1155 {
    constructor(string memory uri_) ERC1155(uri_) {}

    function mint(address to, uint256 id, uint256 value) external {
        _mint(to, id, value, "");
    }

    function burn(address from, uint256 id, uint256 value) external {
        _burn(from, id, value);
    }

    function move(address from, address to, uint256 id, uint256 value) external {
        _safeTransferFrom(from, to, id, value, "");
    }
}
