// SPDX-License-Identifier: GPL-2.0-or-later
//
// With LVSD_PCH the headers that most tests include are compiled once, with this file.
