-- Merging two lines of commits, file by file.

local git = wt.import("git")

local merging = {}

-- The tree that has the changes of both since they parted; nil where they changed one file differently.
function merging.tree(repo, ours, theirs)
    local common = git.base(repo, ours.sha, theirs.sha)
    local before = git.flat(repo, common and common.tree)
    local mine, other = git.flat(repo, ours.tree), git.flat(repo, theirs.tree)
    local merged, paths = {}, {}
    for _, files in { before, mine, other } do
        for path in files do
            paths[path] = true
        end
    end
    local function sha(files, path) return files[path] and files[path].sha end
    for path in paths do
        local was, a, b = sha(before, path), sha(mine, path), sha(other, path)
        if a == b or b == was then
            merged[path] = mine[path]
        elseif a == was then
            merged[path] = other[path]
        else
            return nil
        end
    end
    return git.keep_flat(repo, merged)
end

return merging
